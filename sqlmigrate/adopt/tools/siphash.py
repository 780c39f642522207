"""SipHash-1-3 with a key of zeros, the checksum of tools in Rust: one round for each word of 8 bytes, three at the end.

The algorithm is that of "SipHash: a fast short-input PRF" by Aumasson and Bernstein.
"""

from __future__ import annotations

_MASK = 2**64 - 1
_START = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)
_WORD = 8
_FINAL_ROUNDS = 3

State = tuple[int, int, int, int]


def siphash13(data: bytes) -> int:
    """Return the checksum as an unsigned number of 64 bits."""
    whole = len(data) - len(data) % _WORD
    words = [int.from_bytes(data[at : at + _WORD], "little") for at in range(0, whole, _WORD)]
    words.append(int.from_bytes(data[whole:], "little") | (len(data) % 256) << 56)
    state = _START
    for word in words:
        a, b, c, d = state
        a, b, c, d = _round((a, b, c, d ^ word))
        state = (a ^ word, b, c, d)
    a, b, c, d = state
    state = (a, b, c ^ 0xFF, d)
    for _ in range(_FINAL_ROUNDS):
        state = _round(state)
    a, b, c, d = state
    return a ^ b ^ c ^ d


def _round(state: State) -> State:
    a, b, c, d = state
    a = (a + b) & _MASK
    b = _turned(b, 13) ^ a
    a = _turned(a, 32)
    c = (c + d) & _MASK
    d = _turned(d, 16) ^ c
    a = (a + d) & _MASK
    d = _turned(d, 21) ^ a
    c = (c + b) & _MASK
    b = _turned(b, 17) ^ c
    c = _turned(c, 32)
    return a, b, c, d


def _turned(word: int, bits: int) -> int:
    return (word << bits | word >> (64 - bits)) & _MASK
