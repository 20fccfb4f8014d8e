"""Pieces that are planted: of each kind a list to choose limits by and one to judge them by."""

from __future__ import annotations

Pair = tuple[list[str], list[str]]

ACCENTS = {"a": "ä", "e": "é", "o": "ö", "u": "ü", "c": "ç", "'": "’", "-": "–", "n": "ñ"}
CYRILLIC = {
    "a": "а",
    "e": "е",
    "o": "о",
    "p": "р",
    "c": "с",
    "x": "х",
    "а": "a",
    "е": "e",
    "о": "o",
}
GREEK_AND_CYRILLIC = {
    "o": "ο",
    "v": "ν",
    "i": "і",
    "a": "а",
    "s": "ѕ",
    "p": "ρ",
    "о": "o",
    "р": "p",
}
SCANNED = (
    {"l": "1", "o": "0", "e": "c", "i": "!", "а": "@", "о": "0"},
    {"l": "|", "s": "5", "o": "0", "g": "9", "b": "6", "t": "+", "о": "0", "з": "3"},
)

TAGS: Pair = (
    ["<p>…</p>", "<br />…", '<a href="/more.html">…</a>', "<b>…</b>", "<div class='x'>…</div>"],
    ['<span style="color:red">…</span>', "<li>…", "…<br>", "<h2>…</h2>", "<!-- … -->", "<I>…</I>"],
)
ENTITIES: Pair = (
    ["&nbsp;", "&amp;", "&quot;", "&#39;s", "&lt;"],
    ["&hellip;", "&#8217;", "&#x27;", "&rsquo;t", "&gt;&gt;", "&eacute;"],
)
SCRIPTS: Pair = (
    [
        "<script>var _gaq = _gaq || []; _gaq.push(['_trackPageview']);</script>",
        "function toggle() { document.getElementById('menu').style.display = 'none'; }",
        ".header { color: #333; margin: 0 auto; }",
    ],
    [
        "window.dataLayer = window.dataLayer || []; function gtag(){dataLayer.push(arguments);}",
        "$(document).ready(function(){ $('#nav').hide(); });",
        "@media (max-width: 600px) { .nav { display: none; } }",
        "<style>body{font-size:12px}</style>",
    ],
)
WIKI: Pair = (
    [
        "[[File:Church.jpg|thumb|The church]]",
        "{{citation needed}}",
        "[read more](http://a.org/b)",
        "[b]new[/b]",
        "== History ==",
    ],
    [
        "{{Infobox person | name = X}}",
        "![chart](images/c.png)",
        "[quote=joe]yes[/quote]",
        "[[Category:Rivers]]",
        "'''bold'''",
        "[url=http://a.org]here[/url]",
    ],
)
LOREM: Pair = (
    [
        "Lorem ipsum dolor sit amet, consectetur adipiscing elit.",
        "Lorem ipsum dolor sit amet",
        "Ut enim ad minim veniam, quis nostrud exercitation ullamco laboris nisi ut aliquip",
    ],
    [
        "Duis aute irure dolor in reprehenderit in voluptate velit esse cillum dolore.",
        "dolor sit amet, consectetur adipisici elit, sed eiusmod tempor incidunt ut labore",
        "Excepteur sint occaecat cupidatat non proident, sunt in culpa qui officia deserunt",
    ],
)
# With the name of the language, so that none is planted in a corpus of it.
FOREIGN: Pair = (
    [
        "German: Wie kann ich morgen am schnellsten zum Bahnhof kommen?",
        "French: Je voudrais savoir pourquoi le magasin est fermé aujourd'hui.",
        "Russian: Где находится ближайшая станция метро?",
        "Japanese: 明日の天気はどうなりますか。",
    ],
    [
        "Dutch: Ik weet niet waar mijn fiets is gebleven, misschien heeft iemand hem meegenomen.",
        "Italian: Questa mattina abbiamo visitato una piccola chiesa fuori dal paese.",
        "Polish: Dzisiaj rano spotkałem starego przyjaciela na rynku w Krakowie.",
        "Turkish: Bugün hava çok güzel olduğu için parka gitmeye karar verdik.",
        "Korean: 오늘 아침에 비가 많이 왔습니다.",
        "Arabic: ذهبت إلى السوق لشراء الخبز والحليب.",
        "Greek: Η βιβλιοθήκη είναι κλειστή κάθε Δευτέρα.",
    ],
)
FOREIGN_TO_OTHER_SCRIPTS: Pair = (
    [
        "English: The library is closed on Mondays, so we went home.",
        "German: Die Bibliothek hat heute leider zu.",
    ],
    [
        "English: Nobody knew where the old man had left his keys.",
        "Spanish: La biblioteca está cerrada los lunes.",
    ],
)
COOKIES: Pair = (
    [
        "This website uses cookies to ensure you get the best experience on our website. Accept",
        "We use cookies and similar technologies. By continuing you agree to our Cookie Policy.",
        "Diese Website verwendet Cookies. Mehr erfahren. Akzeptieren",
        "All rights reserved. Terms of Use | Privacy Policy",
    ],
    [
        'By clicking "Accept all", you consent to the storing of cookies on your device.',
        "Manage cookie preferences. Necessary cookies help make a website usable.",
        "Nous utilisons des cookies pour améliorer votre expérience. Tout accepter",
        "Usamos cookies propias y de terceros. Aceptar todas",
        "© 2019 Example Media Ltd. All Rights Reserved.",
        "Subscribe to our newsletter and never miss an update! Unsubscribe at any time.",
    ],
)
NAVIGATION: Pair = (
    [
        "Home | About us | Products | Contact…Copyright 2020 Acme Inc. | Terms of use | Privacy",
        "Skip to content\nSign in\nMenu…Share on Facebook\nShare on Twitter\nPrint this page",
    ],
    [
        "Startseite > Aktuelles > Archiv…Impressum | Datenschutz | AGB",
        "Jump to navigation\nLog in\nRegister…Posted in: News\nLeave a comment\n« Older posts",
        "Home » Blog » Archive…Tweet\nLike\nRead more »\nRelated articles",
    ],
)
ERRORS: Pair = (
    [
        "404 Not Found. The requested URL was not found on this server.",
        "Traceback (most recent call last): File \"main.py\", line 3, in <module> KeyError: 'a'",
        "Please enable JavaScript to view the comments.",
        "Access denied. You do not have permission to view this page.",
    ],
    [
        "500 Internal Server Error",
        'Exception in thread "main" java.lang.NullPointerException at a.Main.run(Main.java:14)',
        "Checking your browser before accessing the site. DDoS protection by Cloudflare",
        "Sorry, the page you are looking for could not be found.",
        "Fatal error: Uncaught TypeError: Cannot read property 'x' of undefined",
        "HTTP Error 503. The service is unavailable.",
    ],
)
PLACEHOLDERS: Pair = (
    ["N/A", "null", "[deleted]", "TODO", "#REF!", "nan", "undefined"],
    [
        "None",
        "[removed]",
        "#N/A",
        "TBD",
        "NULL",
        "(no content)",
        "[object Object]",
        "not available",
    ],
)
REFUSALS: Pair = (
    [
        "As an AI language model, I cannot browse the internet or give opinions.",
        "I'm sorry, but I cannot assist with that request.",
        "Sure! Here is a rewritten version of the text:",
    ],
    [
        "As a large language model trained by a company, I don't have personal experiences.",
        "I apologize, but as an AI I am unable to provide that information.",
        "Certainly! Here's a paraphrased version of your sentence:",
        "I'm sorry, but I can't help with that.",
    ],
)

E_MAILS: Pair = (
    ["jane.doe@example.org", "info@acme.co.uk", "max+news@mail.example.de"],
    [
        "j_smith99@students.example.edu",
        "k.müller@beispiel.de",
        "<a.b@c.example.io>",
        "mailto:x@example.com",
    ],
)
# Written as people write them there; # is any digit.
PHONES: Pair = (
    [
        "(212) 555-01##",
        "+49 30 9018####",
        "+49 30 901820 ##",
        "0171 / 234 ## ##",
        "+44 20 7946 0###",
        "+33 1 70 18 ## ##",
        "212-555-01##",
        "+1-800-555-01##",
        "020 7946 0###",
    ],
    [
        "+39 06 698 ####",
        "+86 138 0013 ####",
        "+91 98765 4####",
        "+7 (495) 123-##-##",
        "+48 22 555 ## ##",
        "+55 11 91234-####",
        "+81-3-1234-####",
        "+61 2 5550 ####",
        "+4930901820##",
        "06 12 34 ## ##",
        "(020) 7946 0###",
        "0345 / 6789-##",
        "+1.415.555.01##",
        "+34 912 345 ###",
        "tel. 040 4286 8####",
        "1-888-555-01##",
        "+46 8 123 4## ##",
    ],
)
# Prefix, number of digits, and the groups in which they are written.
CARDS: Pair = (
    ["4 16 4+4+4+4", "51 16 4+4+4+4", "37 15 4+6+5"],
    [
        "4 16 4+4+4+4",
        "2221 16 4+4+4+4",
        "6011 16 4+4+4+4",
        "34 15 4+6+5",
        "54 16 16",
        "3530 16 4+4+4+4",
    ],
)
# Country and account; the two check digits are computed.
IBANS: Pair = (
    ["DE##################", "GBWEST##############", "FR#######################"],
    [
        "NL" + "INGB##########",
        "CH" + "#################",
        "PL########################",
        "ES####################",
        "AT################",
        "IT^######################",
        "SE####################",
    ],
)
STREETS: Pair = (
    [
        "12# Main Street, Springfield, IL 6####",
        "4# Baker Street, London NW1 6XE",
        "Hauptstraße 1#, 1#115 Berlin",
        "742 Oak Avenue Apt. 3B",
        "12 rue de Rivoli, 75004 Paris",
    ],
    [
        "1600 Amphitheatre Pkwy, Mountain View, CA 94043",
        "P.O. Box 1###, Dallas, TX 752##",
        "Lindenweg 1#a, 804## München",
        "22 High Road, Leeds LS1 4AP",
        "5# Elm St., Boston, MA 021##",
        "18 avenue Victor Hugo, 690## Lyon",
        "Via Garibaldi 2#, 001## Roma",
        "Calle Mayor 1#, 280## Madrid",
        "101 N. Lincoln Blvd Suite 200",
    ],
)
SECRETS: Pair = (
    [
        "AKIA################".replace("#", "^"),
        "ghp_" + "~" * 36,
        "sk-" + "~" * 48,
        "api_key=" + "~" * 32,
        "password: hunter2##",
        "-----BEGIN RSA PRIVATE KEY-----",
    ],
    [
        "sk_live_" + "~" * 24,
        "xoxb-############-############-" + "~" * 24,
        "AIza" + "~" * 35,
        "glpat-" + "~" * 20,
        "Authorization: Bearer " + "~" * 40,
        "postgres://admin:s3cret##@db.example.org/x",
        "eyJhbGciOiJIUzI1NiJ9." + "~" * 40 + "." + "~" * 43,
        "SECRET_KEY = '" + "%" * 32 + "'",
        "hf_" + "~" * 34,
        "npm_" + "~" * 36,
        "pwd=Tr0ub4dor&#",
        "-----BEGIN OPENSSH PRIVATE KEY-----",
    ],
)

# Harmless pieces that look like personal data, secrets or damage: none of them may be flagged.
LOOK_ALIKES: list[str] = [
    "http://video.example.com/watch/410000000000000123456",
    "ISBN 978-3-16-148410-0",
    "DOI 10.1000/182.2020.15",
    "on 2024-03-15 12:30:45",
    "1,250,000.50",
    "version 2.10.4",
    "1999-2004",
    "id 6ba7b810-9dad-11d1-80b4-00c04fd430c8",
    "3.14159265358979",
    "between 10 000 000 and 20 000 000",
    "AT&T",
    "R&D",
    "x < y and y > z",
    "#1 of 20",
    "24/7",
    "(1), (2) and (3)",
    "USA, NATO and UNESCO",
    "Dr. J. R. R. Smith",
    "1:0, 2:1, 3:3",
    "50 % off",
    "C++ and C#",
    "naïve café",
    "2001, 2002, 2003 and 2004",
    "10.5 x 20.5 x 30.5 cm",
    "model KX-TG6512B",
    "$1,299.99",
    "...",
    "part number 12345-67890",
    "12/31/1999",
    "5551234 units",
    "3 km from Main Street",
    "-----",
    "?!",
    "e.g. this",
    "section 4.2.1.3",
    "the cookie recipe",
    "a password was lost",
    "call back later",
    "[1]",
    "ha ha ha",
    "5'11\"",
]
