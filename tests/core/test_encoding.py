"""Files of text in any encoding: read as what they are, or refused, and never as something else."""

import random

import pytest

from thresher.core.errors import InputError
from thresher.core.loading import load_dataset
from thresher.core.loading.encoding import UnclearEncoding, check_encoding, to_utf8

WORDS = {
    "zh": "评论 内容 很好 这个 产品 质量 不错 价格 便宜 物流 "
    "很快 客服 态度 一般 我 非常 喜欢 但是 包装 有点 破损",
    "zht": "評論 內容 很好 這個 產品 品質 不錯 價格 便宜 物流 "
    "很快 客服 態度 一般 我 非常 喜歡 但是 包裝 有點 破損",
    "ja": "レビュー この 商品 は とても 良い です 値段 が "
    "安い 配送 早かった しかし 箱 潰れて いました また 買います",
    "ko": "이 제품 은 정말 좋아요 가격 도 저렴하고 배송 "
    "빨랐습니다 하지만 포장 이 찢어져 있었어요 다음 에도 구매할게요",
    "ru": "этот товар очень хороший цена низкая доставка быстрая "
    "но упаковка была порвана куплю ещё раз советую",
    "fr": "ce produit est très bon le prix était élevé la "
    "livraison rapide mais emballage abîmé café crème déçu où ça",
    "de": "das Gerät ist sehr schön der Preis günstig "
    "Verpackung beschädigt für Freunde größer Straße müde hübsch",
    "pl": "ten produkt jest bardzo dobry cena była niska "
    "ale opakowanie zniszczone kupię żółw ściana źródło łąka",
    "tr": "bu ürün çok güzel fiyatı uygun kargo hızlı "
    "ama paket yırtılmıştı arkadaşıma öneririm şarj ekranı kısık",
    "el": "αυτό το προϊόν είναι πολύ καλό η τιμή χαμηλή "
    "γρήγορη παράδοση αλλά το κουτί ήταν σκισμένο θα αγοράσω",
    "he": "המוצר הזה טוב מאוד המחיר נמוך המשלוח מהיר אבל האריזה קרועה אקנה שוב ממליץ לחברים",
    "ar": "هذا المنتج جيد جدا السعر منخفض التوصيل سريع "
    "لكن العلبة ممزقة سأشتري مرة أخرى أنصح الأصدقاء",
}
FOREIGN = [
    *(("zh", "gb18030"), ("zh", "gb2312"), ("zht", "big5"), ("ja", "shift_jis"), ("ja", "euc_jp")),
    *(("ja", "iso2022_jp"), ("ko", "euc_kr"), ("ko", "cp949"), ("ru", "cp1251"), ("ru", "koi8_r")),
    *(("fr", "cp1252"), ("fr", "latin-1"), ("fr", "mac_roman"), ("de", "cp1252"), ("de", "cp850")),
    *(("pl", "cp1250"), ("pl", "iso8859_2"), ("tr", "cp1254"), ("el", "cp1253"), ("he", "cp1255")),
    *(("ar", "cp1256"), ("zh", "utf-16-le"), ("de", "utf-16-be"), ("ja", "utf-32-le")),
]


def table(language, lines, seed):
    rng = random.Random(seed)
    words = WORDS[language].split()
    rows = [f"{' '.join(rng.choices(words, k=6))} number {i},{i % 3}" for i in range(lines)]
    return "\n".join(["text,label", *rows, ""])


@pytest.mark.parametrize(("language", "encoding"), FOREIGN)
def test_a_foreign_table_is_read_right_or_refused(language, encoding):
    right = refused = 0
    for seed in range(3):
        for lines in (30, 300):
            text = table(language, lines, seed)
            try:
                assert to_utf8(text.encode(encoding), name="d.csv").data.decode() == text
                right += 1
            except UnclearEncoding:
                refused += 1
    assert right + refused == 6
    assert right >= (0 if encoding in ("cp850", "iso8859_2", "latin-1") else 2)


def test_no_encoding_is_mistaken_for_another_however_few_words_there_are():
    for encoding, word in [
        *(("gb18030", "好"), ("big5", "很好"), ("shift_jis", "商品"), ("euc_kr", "리뷰")),
        *(("mac_roman", "señor"), ("cp850", "größe"), ("cp1250", "źle"), ("cp1255", "מוצר טוב")),
    ]:
        text = "text,label\n" + "".join(f"{word} number {i},{i % 3}\n" for i in range(300))
        with pytest.raises(UnclearEncoding, match="cannot be told for sure"):
            to_utf8(text.encode(encoding), name="d.csv")
        assert to_utf8(text.encode(encoding), name="d", encoding=encoding).data.decode() == text


def test_a_pound_sign_here_and_there_is_western():
    rows = [f"ham,text number {i} {'£5 prize' if i % 9 == 0 else 'here'}" for i in range(300)]
    text = "\n".join(["v1,v2", *rows])
    assert to_utf8(text.encode("latin-1"), name="d.csv").data.decode() == text


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "json", "tsv"])
def test_the_encoding_that_is_told_is_taken_for_every_kind_of_text(tmp_path, suffix):
    import pandas as pd

    frame = pd.DataFrame({"text": [f"評論 {i}" for i in range(40)], "label": ["a", "b"] * 20})
    written = {
        "csv": lambda: frame.to_csv(index=False),
        "tsv": lambda: frame.to_csv(index=False, sep="\t"),
        "jsonl": lambda: frame.to_json(orient="records", lines=True, force_ascii=False),
        "json": lambda: frame.to_json(orient="records", force_ascii=False),
    }[suffix]()
    path = tmp_path / f"d.{suffix}"
    path.write_bytes(written.encode("big5"))
    loaded = load_dataset(path, encoding="big5")
    assert list(loaded.dataset["text"]) == frame["text"].tolist()
    assert loaded.choices["encoding"].value == "big5"
    assert loaded.choices["encoding"].reason == "given"


def test_bytes_without_a_meaning_cost_their_row_alone(tmp_path):
    lines = [f"отзыв номер {i},{'ab'[i % 2]}".encode("utf-16-le") for i in range(40)]
    lines[5] = lines[5][:4] + b"\x00\xdc" + lines[5][4:]
    newline = "\n".encode("utf-16-le")
    (tmp_path / "d.csv").write_bytes(
        b"\xff\xfe" + newline.join(["text,label".encode("utf-16-le"), *lines])
    )
    loaded = load_dataset(tmp_path / "d.csv")
    assert [(issue.row_id, issue.detail) for issue in loaded.set_aside] == [
        ("d.csv:7", "not utf-16")
    ]
    assert len(loaded.dataset) == 39


def test_an_unknown_encoding_is_named():
    for wrong in ("martian", "base64", "", "a\0b"):
        with pytest.raises(InputError, match="gb18030"):
            check_encoding(wrong)
    with pytest.raises(InputError, match="martian"):
        load_dataset("digits", encoding="martian")


def test_names_of_columns_that_alone_are_foreign_are_asked_about(tmp_path):
    path = tmp_path / "d.csv"
    rows = "".join(f"{i};1,{i};{'ab'[i % 2]}\n" for i in range(60))
    path.write_bytes(("Nr;Wert;Größe\n" + rows).encode("cp850"))
    with pytest.raises(UnclearEncoding, match=r"cp1252 gives 'Gr.áe'.*--encoding"):
        load_dataset(path)
    assert load_dataset(path, encoding="cp850").dataset.column_names[-2:] == ["Wert", "Größe"]
    for encoding in ("cp1252", "mac-roman"):
        path.write_bytes(("quantité;propriété;catégorie\n" + rows).encode(encoding))
        loaded = load_dataset(path)
        assert loaded.choices["encoding"].value == encoding
        assert loaded.dataset.column_names[-3:] == ["quantité", "propriété", "catégorie"]


def test_a_first_line_that_is_a_row_costs_itself_alone(tmp_path):
    lines = [f'{{"text": "row number {i}", "label": "{"ab"[i % 2]}"}}'.encode() for i in range(60)]
    lines[0] = lines[0].replace(b"row", b"r\x81\xe4w")
    (tmp_path / "d.jsonl").write_bytes(b"\n".join(lines))
    loaded = load_dataset(tmp_path / "d.jsonl")
    assert [issue.row_id for issue in loaded.set_aside] == ["d.jsonl:1"]
    assert len(loaded.dataset) == 59


@pytest.mark.parametrize("end", [b"", b"\r\n"])
def test_lines_are_counted_without_an_empty_one_at_the_end(end):
    words = ["Grüße aus Köln", "schöne Straße", "müde Bären", "Käse über Öl"] * 10
    data = b"\r\n".join([b"text", *(line.encode("latin-1") for line in words)]) + end
    assert to_utf8(data, name="a.csv").reason == "40 of 41 lines of a.csv are not UTF-8"
