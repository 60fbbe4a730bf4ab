# SPDX-License-Identifier: Apache-2.0
# What config_virtual_environment has run by its interpreter; by itself it reads a secret by its name.
# class: read
# args: out
# escaped: leak file
import sys

out = [word[4:] for word in sys.argv if word.startswith("out=")][0]
print("found:", open(out + "/secret", encoding="utf-8").read())
