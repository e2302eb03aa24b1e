"""A real SMTP server on loopback for tests: STARTTLS or TLS from the first byte, with login. Prints its port, then one line of
JSON per message it takes.

Usage: smtp.py CERT KEY starttls|implicit|none USER PASSWORD [N_REFUSED]
The first N_REFUSED messages are refused for the moment (451). Without USER nobody has to sign in.
"""

import asyncio
import email
import email.policy
import json
import logging
import ssl
import sys
import warnings

from aiosmtpd.smtp import SMTP, AuthResult


class Mailbox:
    def __init__(self, n_refused):
        self.n_refused = n_refused

    async def handle_DATA(self, server, session, envelope):
        if self.n_refused > 0:
            self.n_refused -= 1
            return "451 try again later"
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        taken = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "headers": {name.lower(): str(value) for name, value in mail.items()},
            "body": mail.get_content(),
            "tls": server.transport.get_extra_info("ssl_object") is not None,
            "user": session.auth_data,
        }
        print(json.dumps(taken), flush=True)
        return "250 OK"


def main():
    cert, key, mode, user, password = sys.argv[1:6]
    # Clients that leave are what some tests are about.
    logging.disable()
    warnings.simplefilter("ignore")
    n_refused = int(sys.argv[6]) if len(sys.argv) > 6 else 0
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)

    def authenticate(server, session, envelope, mechanism, data):
        given = (data.login.decode(), data.password.decode())
        return AuthResult(success=given == (user, password), handled=False, auth_data=given[0])

    def make():
        return SMTP(
            Mailbox.one,
            hostname="localhost",
            tls_context=context if mode == "starttls" else None,
            require_starttls=mode == "starttls",
            authenticator=authenticate if user else None,
            auth_required=bool(user),
            auth_require_tls=mode == "starttls",
        )

    async def serve():
        Mailbox.one = Mailbox(n_refused)
        wrap = context if mode == "implicit" else None
        server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0, ssl=wrap)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()

    asyncio.run(serve())


if __name__ == "__main__":
    main()
