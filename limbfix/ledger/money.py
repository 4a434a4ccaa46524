"""How much, exactly? Amounts are Decimals of a currency's smallest unit, never floats."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal

from limbfix.errors import UsageError
from limbfix.printing import printable

_BY_DECIMALS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: (
        "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP "
        "CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR "
        "JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN "
        "NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP "
        "SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VES WST XCD YER ZAR ZMW ZWG"
    ),
    3: "BHD IQD JOD KWD LYD OMR TND",
}
DECIMALS: dict[str, int] = {code: places for places, codes in _BY_DECIMALS.items() for code in codes.split()}
"""Decimals of each currency's smallest unit (ISO 4217)."""

_PLAIN = re.compile(r"\d{1,15}(\.\d{1,6})?")


def parse_currency(text: str, *, origin: str) -> str:
    """Returns an ISO 4217 code.

    Raises:
        UsageError: it is none that limbfix knows.
    """
    if text not in DECIMALS:
        raise UsageError(
            f"{origin}: expected a currency as ISO 4217 writes it, such as EUR, USD or JPY, got {printable(text)!r}"
        )
    return text


def parse_amount(text: str, currency: str, *, origin: str) -> Decimal:
    """Returns an amount of a currency.

    Raises:
        UsageError: no plain number such as 12.50, negative, or with more decimals than the currency has.
    """
    places = DECIMALS[currency]
    if not isinstance(text, str) or not _PLAIN.fullmatch(text):
        raise UsageError(
            f"{origin}: expected an amount such as 12.50 (digits and a point), got {printable(str(text))!r}"
        )
    amount = Decimal(text)
    if amount != in_units(amount, currency):
        raise UsageError(
            f"{origin}: expected at most {places} decimals, which is {currency}'s smallest unit, got {text}"
        )
    return in_units(amount, currency)


def in_units(amount: Decimal, currency: str) -> Decimal:
    """Returns the amount in whole smallest units, halves rounded up."""
    return amount.quantize(Decimal(1).scaleb(-DECIMALS[currency]), rounding=ROUND_HALF_UP)


def amount_text(amount: Decimal, currency: str) -> str:
    """Returns the amount as it is stored and shown: `12.50`."""
    return f"{in_units(amount, currency):f}"


def cost_text(cost: Decimal, currency: str) -> str:
    """Returns a cost, which may be a part of the smallest unit, with at least the currency's decimals: `0.124`, `0.30`."""
    text = f"{cost.normalize():f}"
    return text if len(text.partition(".")[2]) > DECIMALS[currency] else amount_text(cost, currency)
