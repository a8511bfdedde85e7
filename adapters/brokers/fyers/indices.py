"""Indices at Fyers: by ticker, what the price socket and OpenAlgo call them.

The price socket knows an index by its exchange's words, `if|nse_cm|Nifty 50`, in exactly this
spelling. Fyers publishes the list (`index_hsm_mapping.json`); this is the one that
fyers-apiv3 3.2.0 falls back to. An index in no list goes by its ticker.
"""

from __future__ import annotations

from typing import Final

from adapters.symbols import index_symbol

#: NSE's: without spaces and hyphens, in capitals, they are the ticker.
_NSE: Final = """\
BHARATBOND-APR30; BHARATBOND-APR31; BHARATBOND-APR32; BHARATBOND-APR33; HangSeng BeES-NAV;
India VIX; Nifty 100; Nifty 200; Nifty 50; Nifty 500; NIFTY Alpha 50; NIFTY AlphaLowVol;
Nifty AQL 30; Nifty AQLV 30; Nifty Auto; Nifty Bank; Nifty Capital Mkt; Nifty Commodities;
NIFTY CONSR DURBL; Nifty Consumption; Nifty CoreHousing; Nifty Corp MAATR; Nifty CPSE;
Nifty Div Opps 50; Nifty Energy; Nifty EV; Nifty FinSerExBnk; Nifty FinSrv25 50; Nifty FMCG;
Nifty GrowSect 15; Nifty GS 10Yr; Nifty GS 10Yr Cln; Nifty GS 11 15Yr; Nifty GS 15YrPlus;
Nifty GS 4 8Yr; Nifty GS 8 13Yr; Nifty GS Compsite; NIFTY HEALTHCARE; Nifty HighBeta 50;
Nifty Housing; Nifty Ind Defence; NIFTY IND DIGITAL; Nifty Ind Tourism; NIFTY INDIA MFG;
Nifty Infra; Nifty IPO; Nifty IT; NIFTY LARGEMID250; Nifty Low Vol 50; NIFTY M150 QLTY50;
Nifty Media; Nifty Metal; NIFTY MICROCAP250; Nifty Mid Liq 15; NIFTY MIDCAP 100;
NIFTY MIDCAP 150; Nifty Midcap 50; NIFTY MIDSML 400; Nifty MidSml Hlth; Nifty MNC;
Nifty Mobility; Nifty MS Fin Serv; Nifty MS Ind Cons; Nifty MS IT Telcm; Nifty Multi Infra;
Nifty Multi Mfg; Nifty Multi MQ 50; Nifty New Consump; Nifty Next 50; Nifty NonCyc Cons;
NIFTY OIL AND GAS; Nifty Pharma; Nifty PSE; Nifty PSU Bank; Nifty Pvt Bank; Nifty Qlty LV 30;
Nifty Realty; Nifty Rural; Nifty Serv Sector; Nifty Shariah 25; Nifty Sml250 Q50;
NIFTY SMLCAP 100; NIFTY SMLCAP 250; NIFTY SMLCAP 50; Nifty Tata 25 Cap; Nifty Top 10 EW;
Nifty Top 15 EW; Nifty Top 20 EW; NIFTY TOTAL MKT; Nifty Trans Logis; Nifty100 Alpha 30;
Nifty100 Enh ESG; NIFTY100 EQL Wgt; NIFTY100 ESG; Nifty100 Liq 15; NIFTY100 LowVol30;
Nifty100ESGSecLdr; NIFTY200 QUALTY30; Nifty200 Value 30; Nifty200Momentm30; Nifty50 Div Point;
NIFTY50 EQL Wgt; Nifty50 PR 1x Inv; Nifty50 PR 2x Lev; Nifty50 Shariah; Nifty50 TR 1x Inv;
Nifty50 TR 2x Lev; Nifty50 Value 20; Nifty500 EW; Nifty500 LMS Eql; Nifty500 LowVol50;
NIFTY500 MULTICAP; Nifty500 Qlty50; Nifty500 Shariah; Nifty500 Value 50; Nifty500Momentm50;
NiftyMS400 MQ 100; NiftySml250MQ 100
"""
#: Where the ticker is another.
_NSE_OTHERS: Final = {
    "FINNIFTY": "Nifty Fin Service",
    "MIDCPNIFTY": "NIFTY MID SELECT",
    "NIFTYNXT50": "Nifty Next 50",
    "NIFTYQUALITY30": "NIFTY100 Qualty30",
}
#: BSE's: ticker, name at the price socket, OpenAlgo's symbol.
_BSE: Final = """\
100|BSE100|BSE100
100LARGECAPTMC|LCTMCI|BSE100LARGECAPTMCINDEX
150MIDCAP|MID150|BSE150MIDCAPINDEX
200|BSE200|BSE200
250LARGEMIDCAP|LMI250|BSE250LARGEMIDCAPINDEX
250SMALLCAP|SML250|BSE250SMALLCAPINDEX
400MIDSMALLCAP|MSL400|BSE400MIDSMALLCAPINDEX
500|BSE500|BSE500
ALLCAP|ALLCAP|BSEALLCAP
AUTO|AUTO|BSEAUTO
BANKEX|BANKEX|BANKEX
BASMTR|BASMTR|BSEBASICMATERIALS
BHRT22|BHRT22|BSEBHARAT22INDEX
BSHOSP|BSHOSP|BSEHOSPITALS
CARBONEX|CARBON|BSECARBONEX
CD|BSE CD|BSECONSUMERDURABLES
CDGS|CDGS|BSECONSUMERDISCRETIONARYGOODS&SERVICES
CG|BSE CG|BSECAPITALGOODS
CPSE|CPSE|BSECPSE
DFRG|DFRGRI|BSEDIVERSIFIEDFINANCIALSREVENUEGROWTHINDEX
DIVIDENDSTABILITY|BSEDSI|BSEDIVIDENDSTABILITY
DOL100|DOL100|BSEDOLLEX100
DOL200|DOL200|BSEDOLLEX200
DOL30|DOL30|BSEDOLLEX30
ENERGY|ENERGY|BSEENERGY
ENHANCEDVALUE|BSEEVI|BSEENHANCEDVALUE
ESG100|ESG100|BSE100ESG
FIN|FIN|BSEFINANCIALSERVICES
FMC|BSEFMC|BSEFASTMOVINGCONSUMERGOODS
FOCIT|FOCIT|BSEFOCUSEDIT
GREENEX|GREENX|BSEGREENEX
HC|BSE HC|BSEHEALTHCARE
INDIAMANUFACTURING|MFG|BSEINDIAMANUFACTURING
INDSTR|INDSTR|BSEINDUSTRIALS
INFRA|INFRA|BSEINDIAINFRASTRUCTUREINDEX
IPO|BSEIPO|BSEIPO
IT|BSE IT|BSEINFORMATIONTECHNOLOGY
LOWVOLATILITY|BSELVI|BSELOWVOLATILITY
LRGCAP|LRGCAP|BSELARGECAP
METAL|METAL|BSEMETAL
MIDCAP|MIDCAP|BSEMIDCAP
MIDSEL|MIDSEL|BSEMIDCAPSELECTINDEX
MOMENTUM|BSEMOI|BSEMOMENTUM
OILGAS|OILGAS|BSEOIL&GAS
POWER|POWER|BSEPOWER
PRIVATEBANKS|BSEPBI|BSEPRIVATEBANKS
PSU|BSEPSU|BSEPSU
QUALITY|BSEQUI|BSEQUALITY
REALTY|REALTY|BSEREALTY
SENSEX|SENSEX|SENSEX
SME IPO|SMEIPO|BSESMEIPO
SMLCAP|SMLCAP|BSESMALLCAP
SMLSEL|SMLSEL|BSESMALLCAPSELECTINDEX
SNSX50|SNSX50|SENSEX50
SNXT50|SNXT50|BSESENSEXNEXT50
TECK|TECK|BSETECK
TELCOM|TELCOM|BSETELECOM
UTILS|UTILS|BSEUTILITIES
"""


def _plain(name: str) -> str:
    return name.replace(" ", "").replace("-", "").upper()


_NSE_NAMES: Final = {
    **{_plain(name): name for name in _NSE.strip().replace("\n", " ").split("; ")},
    **_NSE_OTHERS,
}
_BSE_ROWS: Final = {
    ticker: (name, symbol)
    for ticker, name, symbol in (line.split("|") for line in _BSE.splitlines())
}


def index_names(ticker: str) -> tuple[str, str]:
    """Of `NSE:NIFTY50-INDEX`: `Nifty 50` at the price socket, `NIFTY` at OpenAlgo."""
    exchange, _, rest = ticker.partition(":")
    stem = rest.removesuffix("-INDEX")
    plain = _plain(stem)
    if exchange == "BSE":
        return _BSE_ROWS.get(stem, (stem, plain))
    return _NSE_NAMES.get(plain, stem), index_symbol(plain)
