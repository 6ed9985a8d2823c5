#!/usr/bin/python3 -I
"""A chat's end of a webhook, on a host of the fleet: one line a message in a file, and it does as another file says.

receiver.py PORT FOLDER. FOLDER/mode holds "200", another status, or "slow SECONDS".
"""

import http.server
import json
import sys
import time
from pathlib import Path

FOLDER = Path(sys.argv[2])


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        data = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        mode, *seconds = (FOLDER / "mode").read_text().split()
        status = int(mode) if mode.isdigit() else 200
        with (FOLDER / ("messages" if status == 200 else "refused")).open("a") as stream:
            stream.write(json.dumps({"at": time.time(), "status": status, **data}) + "\n")
        time.sleep(float(seconds[0]) if seconds else 0)
        self.send_response(status)
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        pass


FOLDER.mkdir(parents=True, exist_ok=True)
http.server.ThreadingHTTPServer(("", int(sys.argv[1])), Handler).serve_forever()
