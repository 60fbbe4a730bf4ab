# SPDX-License-Identifier: Apache-2.0
"""A file system whose server is no more: an empty directory by FUSE whose every question is answered by an error, or by nobody, or whose server
has ended. What CIFS and NFS say of a server that is not there (EHOSTDOWN, ETIMEDOUT, EIO, ESTALE), a program can say as well."""
import errno
import os
import struct
import threading
import time

import box
from tap import skip

INIT, DESTROY, FORGET, BATCH_FORGET = 26, 38, 2, 42
HANGS, ENDED, LIVES = "nobody answers", "the server has ended", "an empty directory, for now"
# Of an empty directory: GETATTR, OPENDIR, READDIR, RELEASEDIR; of any name it knows nothing.
EMPTY = {3: struct.pack("<QII6Q10I", 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0o40777, 2, 0, 0, 0, 4096, 0),
         27: struct.pack("<QII", 1, 0, 0), 28: b"", 29: b""}


class Dead:
    """Mounted at `at`. how: an errno by its name, HANGS, ENDED, or LIVES, which may become HANGS, and takes `delay` seconds for each answer.
    file: on a file, as one of it is bound. more: of the options of its mount."""

    def __init__(self, at, how, delay=0, file=False, more=""):
        try:
            self.fd = os.open("/dev/fuse", os.O_RDWR)
        except OSError as e:
            skip(f"/dev/fuse: {e.strerror}")
        self.how, self.at, self.asked, self.delay = how, str(at), 0, delay
        box.mount("dead", self.at, "fuse", 0, f"fd={self.fd},rootmode={'100644' if file else '40755'},user_id=0,group_id=0,allow_other{more}")
        self.answer(os.read(self.fd, 1 << 17))   # INIT
        if how == ENDED:
            os.close(self.fd)
        elif how != HANGS:
            threading.Thread(target=self.serve, daemon=True).start()

    def answer(self, data):
        _, opcode, unique = struct.unpack_from("<IIQ", data)
        self.asked += opcode not in (INIT, DESTROY, FORGET, BATCH_FORGET)
        if opcode in (FORGET, BATCH_FORGET):
            return
        body = struct.pack("<IIIIHHIIHHI7I", 7, 31, 65536, 0, 16, 12, 65536, 1, 0, 0, 0, *[0] * 7) if opcode == INIT else b""
        if self.how == LIVES and opcode not in (INIT, DESTROY):
            time.sleep(self.delay)
            body, error = EMPTY.get(opcode, b""), 0 if opcode in EMPTY else -errno.ENOENT
        else:
            error = 0 if opcode in (INIT, DESTROY) else -getattr(errno, self.how)
        os.write(self.fd, struct.pack("<IiQ", 16 + len(body), error, unique) + body)

    def serve(self):
        while True:
            try:
                data = os.read(self.fd, 1 << 17)
                if self.how != HANGS:
                    self.answer(data)
            except OSError:
                return

    def end(self):
        """Who waits for an answer has an error, and the mount stays."""
        if self.how != ENDED:
            os.close(self.fd)
