from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class FeedResponse(_message.Message):
    __slots__ = ("type", "feeds", "current_ts", "market_info")
    class Type(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        INITIAL_FEED: _ClassVar[FeedResponse.Type]
        LIVE_FEED: _ClassVar[FeedResponse.Type]
        MARKET_INFO: _ClassVar[FeedResponse.Type]
    INITIAL_FEED: FeedResponse.Type
    LIVE_FEED: FeedResponse.Type
    MARKET_INFO: FeedResponse.Type
    class FeedsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Feed
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Feed, _Mapping]] = ...) -> None: ...
    TYPE_FIELD_NUMBER: _ClassVar[int]
    FEEDS_FIELD_NUMBER: _ClassVar[int]
    CURRENT_TS_FIELD_NUMBER: _ClassVar[int]
    MARKET_INFO_FIELD_NUMBER: _ClassVar[int]
    type: FeedResponse.Type
    feeds: _containers.MessageMap[str, Feed]
    current_ts: int
    market_info: MarketInfo
    def __init__(self, type: _Optional[_Union[FeedResponse.Type, str]] = ..., feeds: _Optional[_Mapping[str, Feed]] = ..., current_ts: _Optional[int] = ..., market_info: _Optional[_Union[MarketInfo, _Mapping]] = ...) -> None: ...

class Feed(_message.Message):
    __slots__ = ("ltpc", "full_feed", "first_level_with_greeks", "request_mode")
    class RequestMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        LTPC: _ClassVar[Feed.RequestMode]
        FULL_D5: _ClassVar[Feed.RequestMode]
        OPTION_GREEKS: _ClassVar[Feed.RequestMode]
        FULL_D30: _ClassVar[Feed.RequestMode]
    LTPC: Feed.RequestMode
    FULL_D5: Feed.RequestMode
    OPTION_GREEKS: Feed.RequestMode
    FULL_D30: Feed.RequestMode
    LTPC_FIELD_NUMBER: _ClassVar[int]
    FULL_FEED_FIELD_NUMBER: _ClassVar[int]
    FIRST_LEVEL_WITH_GREEKS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_MODE_FIELD_NUMBER: _ClassVar[int]
    ltpc: Trade
    full_feed: FullFeed
    first_level_with_greeks: FirstLevelWithGreeks
    request_mode: Feed.RequestMode
    def __init__(self, ltpc: _Optional[_Union[Trade, _Mapping]] = ..., full_feed: _Optional[_Union[FullFeed, _Mapping]] = ..., first_level_with_greeks: _Optional[_Union[FirstLevelWithGreeks, _Mapping]] = ..., request_mode: _Optional[_Union[Feed.RequestMode, str]] = ...) -> None: ...

class FullFeed(_message.Message):
    __slots__ = ("market", "index")
    MARKET_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    market: MarketFeed
    index: IndexFeed
    def __init__(self, market: _Optional[_Union[MarketFeed, _Mapping]] = ..., index: _Optional[_Union[IndexFeed, _Mapping]] = ...) -> None: ...

class Trade(_message.Message):
    __slots__ = ("ltp", "ltt", "ltq", "cp")
    LTP_FIELD_NUMBER: _ClassVar[int]
    LTT_FIELD_NUMBER: _ClassVar[int]
    LTQ_FIELD_NUMBER: _ClassVar[int]
    CP_FIELD_NUMBER: _ClassVar[int]
    ltp: float
    ltt: int
    ltq: int
    cp: float
    def __init__(self, ltp: _Optional[float] = ..., ltt: _Optional[int] = ..., ltq: _Optional[int] = ..., cp: _Optional[float] = ...) -> None: ...

class MarketFeed(_message.Message):
    __slots__ = ("ltpc", "market_level", "option_greeks", "market_ohlc", "atp", "vtt", "oi", "iv", "tbq", "tsq")
    LTPC_FIELD_NUMBER: _ClassVar[int]
    MARKET_LEVEL_FIELD_NUMBER: _ClassVar[int]
    OPTION_GREEKS_FIELD_NUMBER: _ClassVar[int]
    MARKET_OHLC_FIELD_NUMBER: _ClassVar[int]
    ATP_FIELD_NUMBER: _ClassVar[int]
    VTT_FIELD_NUMBER: _ClassVar[int]
    OI_FIELD_NUMBER: _ClassVar[int]
    IV_FIELD_NUMBER: _ClassVar[int]
    TBQ_FIELD_NUMBER: _ClassVar[int]
    TSQ_FIELD_NUMBER: _ClassVar[int]
    ltpc: Trade
    market_level: Book
    option_greeks: Greeks
    market_ohlc: Candles
    atp: float
    vtt: int
    oi: float
    iv: float
    tbq: float
    tsq: float
    def __init__(self, ltpc: _Optional[_Union[Trade, _Mapping]] = ..., market_level: _Optional[_Union[Book, _Mapping]] = ..., option_greeks: _Optional[_Union[Greeks, _Mapping]] = ..., market_ohlc: _Optional[_Union[Candles, _Mapping]] = ..., atp: _Optional[float] = ..., vtt: _Optional[int] = ..., oi: _Optional[float] = ..., iv: _Optional[float] = ..., tbq: _Optional[float] = ..., tsq: _Optional[float] = ...) -> None: ...

class IndexFeed(_message.Message):
    __slots__ = ("ltpc", "market_ohlc")
    LTPC_FIELD_NUMBER: _ClassVar[int]
    MARKET_OHLC_FIELD_NUMBER: _ClassVar[int]
    ltpc: Trade
    market_ohlc: Candles
    def __init__(self, ltpc: _Optional[_Union[Trade, _Mapping]] = ..., market_ohlc: _Optional[_Union[Candles, _Mapping]] = ...) -> None: ...

class FirstLevelWithGreeks(_message.Message):
    __slots__ = ("ltpc", "first_depth", "option_greeks", "vtt", "oi", "iv")
    LTPC_FIELD_NUMBER: _ClassVar[int]
    FIRST_DEPTH_FIELD_NUMBER: _ClassVar[int]
    OPTION_GREEKS_FIELD_NUMBER: _ClassVar[int]
    VTT_FIELD_NUMBER: _ClassVar[int]
    OI_FIELD_NUMBER: _ClassVar[int]
    IV_FIELD_NUMBER: _ClassVar[int]
    ltpc: Trade
    first_depth: Level
    option_greeks: Greeks
    vtt: int
    oi: float
    iv: float
    def __init__(self, ltpc: _Optional[_Union[Trade, _Mapping]] = ..., first_depth: _Optional[_Union[Level, _Mapping]] = ..., option_greeks: _Optional[_Union[Greeks, _Mapping]] = ..., vtt: _Optional[int] = ..., oi: _Optional[float] = ..., iv: _Optional[float] = ...) -> None: ...

class Book(_message.Message):
    __slots__ = ("levels",)
    LEVELS_FIELD_NUMBER: _ClassVar[int]
    levels: _containers.RepeatedCompositeFieldContainer[Level]
    def __init__(self, levels: _Optional[_Iterable[_Union[Level, _Mapping]]] = ...) -> None: ...

class Level(_message.Message):
    __slots__ = ("bid_quantity", "bid_price", "ask_quantity", "ask_price")
    BID_QUANTITY_FIELD_NUMBER: _ClassVar[int]
    BID_PRICE_FIELD_NUMBER: _ClassVar[int]
    ASK_QUANTITY_FIELD_NUMBER: _ClassVar[int]
    ASK_PRICE_FIELD_NUMBER: _ClassVar[int]
    bid_quantity: int
    bid_price: float
    ask_quantity: int
    ask_price: float
    def __init__(self, bid_quantity: _Optional[int] = ..., bid_price: _Optional[float] = ..., ask_quantity: _Optional[int] = ..., ask_price: _Optional[float] = ...) -> None: ...

class Candles(_message.Message):
    __slots__ = ("ohlc",)
    OHLC_FIELD_NUMBER: _ClassVar[int]
    ohlc: _containers.RepeatedCompositeFieldContainer[Candle]
    def __init__(self, ohlc: _Optional[_Iterable[_Union[Candle, _Mapping]]] = ...) -> None: ...

class Candle(_message.Message):
    __slots__ = ("interval", "open", "high", "low", "close", "volume", "ts")
    INTERVAL_FIELD_NUMBER: _ClassVar[int]
    OPEN_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    LOW_FIELD_NUMBER: _ClassVar[int]
    CLOSE_FIELD_NUMBER: _ClassVar[int]
    VOLUME_FIELD_NUMBER: _ClassVar[int]
    TS_FIELD_NUMBER: _ClassVar[int]
    interval: str
    open: float
    high: float
    low: float
    close: float
    volume: int
    ts: int
    def __init__(self, interval: _Optional[str] = ..., open: _Optional[float] = ..., high: _Optional[float] = ..., low: _Optional[float] = ..., close: _Optional[float] = ..., volume: _Optional[int] = ..., ts: _Optional[int] = ...) -> None: ...

class Greeks(_message.Message):
    __slots__ = ("delta", "theta", "gamma", "vega", "rho")
    DELTA_FIELD_NUMBER: _ClassVar[int]
    THETA_FIELD_NUMBER: _ClassVar[int]
    GAMMA_FIELD_NUMBER: _ClassVar[int]
    VEGA_FIELD_NUMBER: _ClassVar[int]
    RHO_FIELD_NUMBER: _ClassVar[int]
    delta: float
    theta: float
    gamma: float
    vega: float
    rho: float
    def __init__(self, delta: _Optional[float] = ..., theta: _Optional[float] = ..., gamma: _Optional[float] = ..., vega: _Optional[float] = ..., rho: _Optional[float] = ...) -> None: ...

class MarketInfo(_message.Message):
    __slots__ = ("segment_status", "cas_market_status", "pre_open_session_status")
    class Status(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        PRE_OPEN_START: _ClassVar[MarketInfo.Status]
        PRE_OPEN_END: _ClassVar[MarketInfo.Status]
        NORMAL_OPEN: _ClassVar[MarketInfo.Status]
        NORMAL_CLOSE: _ClassVar[MarketInfo.Status]
        CLOSING_START: _ClassVar[MarketInfo.Status]
        CLOSING_END: _ClassVar[MarketInfo.Status]
    PRE_OPEN_START: MarketInfo.Status
    PRE_OPEN_END: MarketInfo.Status
    NORMAL_OPEN: MarketInfo.Status
    NORMAL_CLOSE: MarketInfo.Status
    CLOSING_START: MarketInfo.Status
    CLOSING_END: MarketInfo.Status
    class SegmentStatusEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: MarketInfo.Status
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[MarketInfo.Status, str]] = ...) -> None: ...
    class CasMarketStatusEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: StatusInfo
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[StatusInfo, _Mapping]] = ...) -> None: ...
    class PreOpenSessionStatusEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: StatusInfo
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[StatusInfo, _Mapping]] = ...) -> None: ...
    SEGMENT_STATUS_FIELD_NUMBER: _ClassVar[int]
    CAS_MARKET_STATUS_FIELD_NUMBER: _ClassVar[int]
    PRE_OPEN_SESSION_STATUS_FIELD_NUMBER: _ClassVar[int]
    segment_status: _containers.ScalarMap[str, MarketInfo.Status]
    cas_market_status: _containers.MessageMap[str, StatusInfo]
    pre_open_session_status: _containers.MessageMap[str, StatusInfo]
    def __init__(self, segment_status: _Optional[_Mapping[str, MarketInfo.Status]] = ..., cas_market_status: _Optional[_Mapping[str, StatusInfo]] = ..., pre_open_session_status: _Optional[_Mapping[str, StatusInfo]] = ...) -> None: ...

class StatusInfo(_message.Message):
    __slots__ = ("status", "updated_time")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    UPDATED_TIME_FIELD_NUMBER: _ClassVar[int]
    status: str
    updated_time: int
    def __init__(self, status: _Optional[str] = ..., updated_time: _Optional[int] = ...) -> None: ...
