"""Parquet files that polars cannot write, with what it reads badly or not at all.

Each was written as its comment says, by pyarrow 26.0.1 (without statistics and dictionaries) or DuckDB 2.0.1.
"""

from __future__ import annotations

import base64
import zlib


def _unpacked(text: str) -> bytes:
    return zlib.decompress(base64.b64decode(text))


# n = 1, total = 50 digits, decimal256(60, 0)
LONG_DECIMAL = _unpacked(
    "eNoLcAwyFGUQlRFV0BFlAjLYRNlkGBgY+EyYgCQTIyMDBABlHESdUJQoSECUMDAyBrDPsi+x0NnGL54ty/rYl1um8DgQibJI2pgy"
    "SLAVJ2ek5iaKsjCIsqgySTDmMYjyiZqIMkmwluSXJOaocgGNrNCJAZFA88SYJGUkddQYZIC6VdkYJIHqRZnEmMScxNzUODxlREEu"
    "YWKw0WSTVGMA2Q9SyQdRCTEPrDpNLEPND4tqsRWMYkxqHGLrGBk0FAoSiwpLU0t0kwsKdBOLivLLFcpSi4oz8/MUjMz0DPQMJXWA"
    "3gT59CQQBwDDCQBsHy4Y"
)

# n = 1, settings = '{"a":1}', the extension type arrow.json
JSON = _unpacked(
    "eNplUk1v2kAQXW+QywFF6mFXtuQDQsJSJZLiNERKlEPHBBPSJARTY8PNOMikAccBDGqq/oEee+2f6Q/oj+p+8KG077A7O37vzYw1"
    "d+BaBBGDFCsEs0AlqoEQ2j/G7MSKgiTYlxIxX1HefpSUN+z8VgpLZ9Z3ktPPa0hT59F4NA1JDpFcGWtKgkiB3fn5aLF4SOJ52bz+"
    "w0QU64ZeMZHBZGUV6YxIMMXUpo6ZbxmEF8Xo/J2qm4iX4syCZG6thOCSXpu3OwHd1zcS+kOh2MzTnwrSDa0Artv2z2R32u+99xzV"
    "2AaADkh8AliBHYMDEEM9FjmbEW54UAdoicTuBhleCGZzbdKIoc/1zOeS+wl/u8PzEh3P41cqHiLZhy34234ZBG419GtJJOS8NEBX"
    "inm9Fm+9uX3zvplJcPV1+CHKwuR2OWQ2jmjG6XqPp0F72ju+b/ay6GiyHH5Js75vTTb1LhhLzLsbqgGvIfrr9K66n63oZBCMqwO/"
    "9hL6p1l7ak3um85jP3DH6+G4RWNt4v3/HzaWjbog2at/6vHQztZD3wj9Sv5vAW/HRFoxDWfP2WhxEKXpQTibPa2Ky9Fs/vCUFI9O"
    "DquHll5hq8q39Rdbhzu2638BwJat1A=="
)

# city = a, b, c; name = a, the bytes ff fe, b
NOT_UTF_8 = _unpacked(
    "eNpV0LGKwkAQBuBJCEMK2xlcSJEmyyFJMMJdZWMpWASRq2zWENBCjYmn3Otcee/iK6mzUSQW+zMM3+4Mm0/mGQENKI0JpUDCAAAo"
    "dyXRcSSNjZWNQkBMwzfJi4605e3aevLU+BP62BTrcmvIA+pFbt8rNsffCGbtjLaxM9vy2WBUgYo1BNRTEYJ6aHIZOeeF9qeBjAVy"
    "YSwSlQaUS11u32r5nL/1ssP9F+c/h1H7/O/AR1iZ+vBTHpOiqhJT1/tzeCrrZrPfhaOvdJhmKpa17GYXObn81B3IHSu/"
)

# at = 1970, timestamp[us, Mars/Phobos]
UNKNOWN_ZONE = _unpacked(
    "eNpFkcFKw0AQhqeLhB5EENyQhT3kkoCQVqtVaPEyWxotbbENliKeYgxpD9qYVkPfwYfy0ZzdhPofZoeZ+b9ZdmcYdThwyd2AM0os"
    "bkkAOOkyiqwBtfiRCG7AsbbJKn2POaOCxxwW77yzyc+pDMyQzYQU0gdJ054FQvc5s5mt7NBvjiThgax355bwQfOpwfymHYKQzjFG"
    "0eOyXy1wfhsXWt0MSXOsNEYsUWUYImY4MC1UCnGqkwHiyBT+T9JQh0WdLbSP/A+aY7iqJuNwbCZVeTBV0ii1eqv4tOf5sKcqmatN"
    "dHhahvtk35vH97316/UUwXHzuPj8SnetJM9bcVFsSvc7LbbrzYd7ddu+bHeE1E/9Qo88o1/4A9v5VL8="
)

# n = 1, id = the bytes of 0123456789abcdef, the extension type arrow.uuid
UUIDS = _unpacked(
    "eNoLcAwyFGUQlRFV0BFlAjLYRNlkGBgY+EyYgCQTIyMDBABldEQNUJSIhUCUGBgaGZuYmplbWCYmJaekpomySNqYMkiwFSdnpOYm"
    "irIwiLKoMkkw5jGI8okqiDJJMGWm5LwB6WeSlJHUUWOQAWpQZWOQBCoRZRJjEnMSc1Pj8JQRBdnJxGCjySapxgCyCaSSD6ISaARY"
    "aZBYmJofFqViUxjFmNQ4xOYwMmgoFCQWFZamlugmFxToJhYV5ZcrlKUWFWfm5ykYmekZ6BlK6gB9A/LQTiAOAAYHAMhxJ2k="
)

# DuckDB: select 1 as n, interval 1 month as lasts
INTERVAL = _unpacked(
    "eNpNUMFqg0AUfFls8GACObxlF/YgBcUGK7G0aVpCoSWX3kJ/QDS7pdJVQRMP/fo+I6V5LI83w8ww7P71I0VAF70YGR1TnAI43gQA"
    "CAlUF7QXD/TfIJPbBxAzfTp86yLrDl+mytEhPgAxqYNrwDkFgLiyeXfsgiVwJpWMQ1BkRZAkQsYZX/IkdLfCGcLHzSG6QIsFSIVD"
    "HUZosM/P9jH3HPHMX8L1+7+Ia85Cl1syCjUWTMr6aNo+t1lhm6bKPktLWMzqpq1yW/4YfdunIKIdqXdvfm/armxqv79LVknqR8Wp"
    "tNrf6MdNmt6bp9WNjBUAPXCp455+8Rdp4TYE"
)
