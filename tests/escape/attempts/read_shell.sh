# SPDX-License-Identifier: Apache-2.0
# What a shell reaches with globs and a copy: everything below the parent of the workspace.
# class: read
# escaped: leak file
cp -r ../* . 2>&1
cat ../*/secret */secret out/secret 2>&1
