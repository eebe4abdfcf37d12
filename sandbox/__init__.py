"""The platform sandbox: TikTok, Instagram and YouTube on loopback, as strict as the real ones.

For tests and for developers without platform accounts. Production never loads it, and it shares
no code with the service it tests. `sandbox.development` is the stack that runs both.
"""
