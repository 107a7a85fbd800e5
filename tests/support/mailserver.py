#!/usr/bin/python3
"""A mail server that others wrote (aiosmtpd), for tests of TLS and authentication: listens on a free port of 127.0.0.1, prints
"port=N.", then one JSON line for each letter and each attempt to log in.

  mailserver.py [--implicit] [--cert FILE --key FILE] [--user NAME --password WORD] [--only MECHANISM]

With a certificate it offers STARTTLS and takes no letter before it (--implicit: TLS from the first byte); with a user it takes
none without a login. It ends when its standard input does.
"""

import argparse
import json
import ssl
import sys

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult


def say(**what):
    print(json.dumps(what), flush=True)


class Handler:
    async def handle_DATA(self, server, session, envelope):
        say(letter=envelope.content.decode("utf-8"), to=envelope.rcpt_tos, tls=bool(args.implicit or session.ssl),
            user=getattr(session, "auth_data", None) and session.auth_data.login.decode())
        return "250 taken"


def authenticate(server, session, envelope, mechanism, data):
    good = data.login == args.user.encode() and data.password == args.password.encode()
    say(login=mechanism, good=good, tls=bool(args.implicit or session.ssl))
    return AuthResult(success=good, handled=good, auth_data=data)


parser = argparse.ArgumentParser()
for name in ("cert", "key", "user", "password", "only"):
    parser.add_argument("--" + name)
parser.add_argument("--implicit", action="store_true")
args = parser.parse_args()

context = None
if args.cert:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(args.cert, args.key)
options = {"auth_required": bool(args.user), "authenticator": authenticate if args.user else None}
if args.only:
    options["auth_exclude_mechanism"] = [each for each in ("PLAIN", "LOGIN") if each != args.only]
if args.implicit:
    options.update(ssl_context=context, auth_require_tls=False)
elif context:
    options.update(tls_context=context, require_starttls=True)
else:
    options.update(auth_require_tls=False)


class Server(Controller):
    """Port 0, and which one it got."""

    def _trigger_server(self):
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


server = Server(Handler(), hostname="127.0.0.1", port=0, **options)
server.start()
print(f"port={server.port}.", flush=True)
sys.stdin.read()
server.stop()
