"""Runs esptool and espsecure in one process, which spares most of the time.

Each line that it reads is a list in JSON, the tool and its arguments, and each that
it writes an object: what the tool said, and why it refused, if it did.
"""
import contextlib
import io
import json
import sys

import espsecure
import esptool

tools = {"esptool": esptool.main, "espsecure": espsecure.main}
for line in sys.stdin:
    name, *args = json.loads(line)
    said, refused = io.StringIO(), ""
    with contextlib.redirect_stdout(said):
        try:
            tools[name](args)
        except esptool.FatalError as e:
            refused = str(e)
    print(json.dumps({"said": said.getvalue(), "refused": refused}), flush=True)
