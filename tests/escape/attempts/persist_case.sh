# SPDX-License-Identifier: Apache-2.0
# A name that is obeyed, in another case than the one that everybody writes: on a file system that does not tell them apart it is the same (CVE-2025-59944).
# class: persistence
# plants: other_case
# args: ran
# escaped: changed other_case
echo bad > .Cursor/MCP.json; echo bad > new; mv -f new .Cursor/MCP.json; rm -f .Cursor/MCP.json; echo bad > .Cursor/MCP.json
mv .Cursor c && mkdir .Cursor; echo bad > .Cursor/MCP.json
