"""Insecure-test keys and signing, by other libraries than the ones under test."""

import functools
import hashlib
import json

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils
from securesystemslib.formats import encode_canonical

ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
# The eight points of small order, and second encodings of points.
WEAK = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
]


def canonical(value):
    """What a signature covers; a value that has no canonical form is signed as plain JSON."""
    try:
        return encode_canonical(value).encode()
    except Exception:
        return json.dumps(value).encode()


class Ed25519:
    """Key number n."""

    def __init__(self, n):
        self.secret = ed25519.Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32)
        raw = self.secret.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        self.object = {"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": raw.hex()}}
        self.id = hashlib.sha256(canonical(self.object)).hexdigest()

    def sign(self, covered):
        return self.secret.sign(covered).hex()


class P256:
    """Key number n."""

    def __init__(self, n, keytype="ecdsa"):
        self.secret = ec.derive_private_key(1000 + n, ec.SECP256R1())
        self.object = {"keytype": keytype, "scheme": "ecdsa-sha2-nistp256", "keyval": {"public": pem(self.secret)}}
        self.id = hashlib.sha256(canonical(self.object)).hexdigest()

    @functools.cache
    def sign(self, covered):
        """Signing is at random; the same bytes give the same signature within one run all the same."""
        return self.secret.sign(covered, ec.ECDSA(hashes.SHA256())).hex()


def pem(secret):
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return secret.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def odd_pems():
    """Public keys in PEM that are not the usual P-256 one."""
    secret = ec.derive_private_key(4242, ec.SECP256R1())
    usual = pem(secret)
    point = secret.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)
    raw = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200") + point
    compressed = serialization.load_der_public_key(raw)
    return [
        usual + usual,
        usual.replace("\n", "\r\n"),
        usual.strip(),
        "\n\n" + usual + "\n",
        usual.replace("PUBLIC KEY", "EC PUBLIC KEY"),
        usual.replace("\n", "", 1),
        usual[:-40],
        usual.lower(),
        pem(ec.derive_private_key(7, ec.SECP384R1())),
        pem(ec.derive_private_key(7, ec.SECP256K1())),
        wrap(raw) if compressed else usual,
        "text before\n" + usual,
        usual + "text after\n",
        "",
    ]


def wrap(der):
    import base64

    text = base64.b64encode(der).decode()
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return "\n".join(["-----BEGIN PUBLIC KEY-----", *lines, "-----END PUBLIC KEY-----", ""])


def odd_signatures(rng, key, covered):
    """Signatures that are nearly those of `key` over `covered`, as hexadecimal text."""
    good = key.sign(covered)
    raw = bytearray.fromhex(good)
    raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
    common = [raw.hex(), good[:-2], good + "00", good.upper(), "", "zz", " " + good, good + "\n", good[:-1], "00" * 64]
    return common + (odd_ed25519(good) if isinstance(key, Ed25519) else odd_p256(good))


def odd_ed25519(good):
    raw = bytes.fromhex(good)
    s = int.from_bytes(raw[32:], "little")
    above = [s + ED25519_ORDER * times for times in (1, 2, 7) if s + ED25519_ORDER * times < 2**256]
    return [(raw[:32] + value.to_bytes(32, "little")).hex() for value in above] + [
        (raw[:32] + bytes(32)).hex(),
        (bytes(32) + raw[32:]).hex(),
        (bytes([1]) + bytes(31) + raw[32:]).hex(),
        (raw[32:] + raw[:32]).hex(),
    ]


def odd_p256(good):
    r, s = utils.decode_dss_signature(bytes.fromhex(good))
    pairs = [(r, P256_ORDER - s), (0, s), (r, 0), (r + P256_ORDER, s), (P256_ORDER, s), (r, P256_ORDER), (s, r), (1, 1)]
    der = bytes.fromhex(good)
    odd = [
        der + b"\0",
        b"\x30\x81" + der[1:],
        b"\x30\x80" + der[2:] + b"\0\0",
        b"\x31" + der[1:],
        r.to_bytes(32, "big") + s.to_bytes(32, "big"),
        longer(r, s),
    ]
    return [utils.encode_dss_signature(*pair).hex() for pair in pairs] + [value.hex() for value in odd]


def longer(r, s):
    """DER with a needless zero before r."""
    one, two = (value.to_bytes(33, "big") for value in (r, s))
    body = b"\x02\x22\0" + one + b"\x02\x21" + two
    return b"\x30" + bytes([len(body)]) + body
