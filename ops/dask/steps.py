"""VeloFlux's text steps in Python, equal to the TypeScript ones (src/modules/ai/core/sentiment, pipelines/step-runner.ts).

A step does only what it certainly does alike: texts of Latin, Greek and Cyrillic letters, digits and common
punctuation. For any other text (other scripts, emoji, combining marks, more than 20,000 characters, nothing but white
space) `run` answers None, and VeloFlux computes it itself. Exponentials differ in their last bit between libraries, so
the sentiment step answers logits and VeloFlux turns them into probabilities.
"""

import math
import re
import struct
import unicodedata

MAX_LENGTH = 20_000
LANGUAGES = {"en", "de", "fr", "es", "it", "pt", "nl", "ru", "uk"}
BUCKETS = 1 << 17

_PUNCTUATION = set("\t\n\r\u2013\u2014\u2018\u2019\u201c\u201d\u201e\u2022\u2026\u20ac")


def _is_plain(char):
    code = ord(char)
    if 0x20 <= code <= 0x7E or char in _PUNCTUATION:
        return True
    if not (0xA0 <= code <= 0x24F or 0x370 <= code <= 0x52F):
        return False
    return unicodedata.category(char)[0] in "LNPSZ"


_PLAIN = frozenset(c for c in map(chr, range(0x2100)) if _is_plain(c))


def can_do(text):
    return len(text) <= MAX_LENGTH and not text.isspace() and text != "" and _PLAIN.issuperset(text)


def _kind(char):
    return unicodedata.category(char)[0]


def normalise(text, lowercase=True, strip_accents=False, strip_punctuation=False):
    result = unicodedata.normalize("NFKC", text)
    if strip_accents:
        bare = "".join(c for c in unicodedata.normalize("NFD", result) if _kind(c) != "M")
        result = unicodedata.normalize("NFC", bare)
    if strip_punctuation:
        kept = (c if _kind(c) in "LMNZ" or c in "\t\n\r'" else "\0" for c in result)
        result = re.sub("\0+", " ", "".join(kept))
    spaced = (" " if unicodedata.category(c) == "Cc" or _kind(c) == "Z" else c for c in result)
    result = re.sub(" +", " ", "".join(spaced)).strip(" ")
    return result.lower() if lowercase else result


# Word boundaries of Unicode TR 29: a letter, n digit, e underscore,
# m joins letters, q joins letters or digits, c joins digits.
_SEGMENT_CLASS = {"_": "e", "\u00b7": "m", "\u0387": "m", ",": "c", ";": "c", "\u037e": "c"}
_SEGMENT_CLASS.update({c: "q" for c in ".'\u2018\u2019"})
_SEGMENT = re.compile(r"[ane](?:[ane]|(?<=a)[mq](?=a)|(?<=n)[cq](?=n))*|[^s]")


def _segment_class(char):
    known = _SEGMENT_CLASS.get(char)
    if known:
        return known
    category = unicodedata.category(char)
    if category[0] == "L":
        return "a"
    if category == "Nd":
        return "n"
    return "s" if category[0] == "Z" or category == "Cc" else "o"


# Whether a colon joins two letters is another thing in each version of ICU.
_DISPUTED = re.compile(r"[^\W\d_]:[^\W\d_]")


def segment(text, keep_symbols=False):
    if _DISPUTED.search(text):
        return None
    classes = "".join(map(_segment_class, text))
    tokens = []
    for found in _SEGMENT.finditer(classes):
        kinds = found.group()
        word = kinds[0] in "an" or len(kinds) > 1
        if word or keep_symbols:
            tokens.append(text[found.start() : found.end()])
    return tokens


# The classifier's own words: numbers, words with inner apostrophes and hyphens, single symbols.
_TERM = re.compile(r"n+(?:\.n+)*|l+(?:-l+)*|[.\-y]")


def _term_class(char):
    if char in ".,":
        return "."
    if char in "'\u2019-":
        return "-"
    kind = _kind(char)
    return "n" if kind == "N" else "l" if kind in "LM" else "y" if kind in "SP" else " "


def words(text):
    classes = "".join(map(_term_class, text))
    return [text[m.start() : m.end()] for m in _TERM.finditer(classes)]


def _hash(term):
    state = 0x811C9DC5
    for char in term:
        state = ((state ^ ord(char)) * 0x01000193) & 0xFFFFFFFF
    return state & (BUCKETS - 1)


def read_model(model):
    """The classifier's weights by bucket, rounded to 32 bits as VeloFlux keeps them."""
    tables = []
    for pairs in model["weights"]:
        values = struct.unpack(f"{len(pairs) // 2}f", struct.pack(f"{len(pairs) // 2}f", *pairs[1::2]))
        tables.append(dict(zip(pairs[0::2], values)))
    return tables, model["biases"]


def logits(text, model):
    tables, biases = model
    found = words(normalise(text))
    if not can_do(" ".join(found) or " "):
        return None
    terms = {}
    for i, word in enumerate(found):
        terms[_hash(word)] = True
        terms[_hash(f"{found[i - 1] if i else '^'} {word}")] = True
    scale = 1 / math.sqrt(len(terms) or 1)
    answer = []
    for table, bias in zip(tables, biases):
        total = 0.0
        for term in terms:
            total += table.get(term, 0.0)
        answer.append(bias + total * scale)
    return answer


def run_one(steps, model, text):
    """What the last step says of the text, or None when this text is not for here."""
    said = None
    for name, parameters in steps:
        if not can_do(text):
            return None
        if name == "normalize":
            text = normalise(text, **parameters)
            said = {"text": text}
        elif name == "tokenize":
            tokens = segment(text, parameters["keep_symbols"])
            if tokens is None:
                return None
            said = {"tokens": tokens}
        else:
            scores = logits(text, model)
            if scores is None:
                return None
            said = {"logits": scores}
    return said


def run_chunk(steps, model, texts):
    return [run_one(steps, model, text) for text in texts]


def check_steps(steps):
    """The steps as (name, parameters); ValueError names the step that cannot be done here."""
    checked = []
    for i, step in enumerate(steps):
        name, given = step["name"], step.get("parameters", {})
        if name == "normalize":
            kept = {key: bool(given.get(key, key == "lowercase")) for key in ("lowercase", "strip_accents", "strip_punctuation")}
        elif name == "tokenize" and given.get("language", "en") in LANGUAGES:
            kept = {"keep_symbols": bool(given.get("keep_symbols", False))}
        elif name == "sentiment_analysis":
            kept = {}
        else:
            raise ValueError(f"steps.{i}: '{name}' cannot be done here")
        checked.append((name, kept))
    if not checked:
        raise ValueError("steps: must not be empty")
    return checked
