"""In which language a short text is, as far as its script and its commonest words tell: enough to see a change of them.

Han, kana, Hangul and the like say it by themselves; of Latin letters the language is the one whose commonest words are
most among the text's; where none are it is `Latin`.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import lru_cache

NONE = "none"
_BY_SCRIPT = {
    "CJK": "zh", "HIRAGANA": "ja", "KATAKANA": "ja", "HANGUL": "ko", "CYRILLIC": "Cyrillic", "GREEK": "el",
    "ARABIC": "Arabic", "HEBREW": "he", "THAI": "th", "DEVANAGARI": "Devanagari", "BENGALI": "bn", "TAMIL": "ta",
    "GEORGIAN": "ka", "ARMENIAN": "hy",
}  # fmt: skip
_COMMON = {
    "en": "the of and to in is that for it with as was on be are this what how you i can do does please my me",
    "de": "der die das und ist nicht ein eine zu den von mit für auf dem wie ich sie was bitte kann im",
    "fr": "le la les de des et est une un pour dans que qui ne pas vous je sur avec du ce comment au",
    "es": "el la los las de y es una un para que en por con no se del como cuál qué está",
    "pt": "o os as um uma de e é que não para com em por do da dos como você qual isso",
    "it": "il lo gli di e è una un che non per con sono del della come cosa nel alla",
    "nl": "de het een en van is niet dat op te voor met zijn hoe wat ik je kan maar",
    "pl": "w i na z nie się jest to do że jak co po dla czy od są",
    "tr": "bir ve bu için ile ne nasıl mi mı da de çok olarak var değil",
    "vi": "là và của có không cho một các được này những trong với như thế",
    "id": "yang dan di dengan untuk ini itu dari pada adalah tidak apa bagaimana saya",
}
_LANGUAGES_OF: dict[str, list[str]] = {}
for _language, _words in _COMMON.items():
    for _word in _words.split():
        _LANGUAGES_OF.setdefault(_word, []).append(_language)
_WORD = re.compile(r"[^\W\d_]+")


def language_of(text: str) -> str:
    """A code such as `en`, the name of a script where that is shared by several, or `none` of what has no letters."""
    scripts = Counter(script for letter in text if (script := _script(letter)))
    if not scripts:
        return NONE
    if scripts["HIRAGANA"] + scripts["KATAKANA"] > 0.1 * scripts.total():
        return "ja"
    script = scripts.most_common(1)[0][0]
    if script != "LATIN":
        return _BY_SCRIPT.get(script, script.capitalize())
    found = Counter(one for word in _WORD.findall(text.lower()) for one in _LANGUAGES_OF.get(word, ()))
    return max(sorted(found), key=found.__getitem__) if found else "Latin"


def words_of(text: str) -> list[str]:
    """Words in small letters; of scripts without spaces between words each letter."""
    return [
        part
        for word in _WORD.findall(text.lower())
        for part in (word if _script(word[0]) in ("CJK", "HIRAGANA", "KATAKANA", "THAI") else (word,))
    ]


@lru_cache(4096)
def _script(letter: str) -> str:
    return unicodedata.name(letter, "").split(" ")[0].split("-")[0] if letter.isalpha() else ""
