from google.protobuf import wrappers_pb2 as _wrappers_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SocketMessage(_message.Message):
    __slots__ = ("feeds", "snapshot", "text", "error")
    class FeedsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: MarketFeed
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[MarketFeed, _Mapping]] = ...) -> None: ...
    FEEDS_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    feeds: _containers.MessageMap[str, MarketFeed]
    snapshot: bool
    text: str
    error: bool
    def __init__(self, feeds: _Optional[_Mapping[str, MarketFeed]] = ..., snapshot: _Optional[bool] = ..., text: _Optional[str] = ..., error: _Optional[bool] = ...) -> None: ...

class MarketFeed(_message.Message):
    __slots__ = ("depth", "feed_time", "send_time", "sequence_number", "snapshot", "ticker")
    DEPTH_FIELD_NUMBER: _ClassVar[int]
    FEED_TIME_FIELD_NUMBER: _ClassVar[int]
    SEND_TIME_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    TICKER_FIELD_NUMBER: _ClassVar[int]
    depth: Depth
    feed_time: _wrappers_pb2.UInt64Value
    send_time: _wrappers_pb2.UInt64Value
    sequence_number: int
    snapshot: bool
    ticker: str
    def __init__(self, depth: _Optional[_Union[Depth, _Mapping]] = ..., feed_time: _Optional[_Union[_wrappers_pb2.UInt64Value, _Mapping]] = ..., send_time: _Optional[_Union[_wrappers_pb2.UInt64Value, _Mapping]] = ..., sequence_number: _Optional[int] = ..., snapshot: _Optional[bool] = ..., ticker: _Optional[str] = ...) -> None: ...

class Depth(_message.Message):
    __slots__ = ("total_buy_quantity", "total_sell_quantity", "asks", "bids")
    TOTAL_BUY_QUANTITY_FIELD_NUMBER: _ClassVar[int]
    TOTAL_SELL_QUANTITY_FIELD_NUMBER: _ClassVar[int]
    ASKS_FIELD_NUMBER: _ClassVar[int]
    BIDS_FIELD_NUMBER: _ClassVar[int]
    total_buy_quantity: _wrappers_pb2.UInt64Value
    total_sell_quantity: _wrappers_pb2.UInt64Value
    asks: _containers.RepeatedCompositeFieldContainer[Level]
    bids: _containers.RepeatedCompositeFieldContainer[Level]
    def __init__(self, total_buy_quantity: _Optional[_Union[_wrappers_pb2.UInt64Value, _Mapping]] = ..., total_sell_quantity: _Optional[_Union[_wrappers_pb2.UInt64Value, _Mapping]] = ..., asks: _Optional[_Iterable[_Union[Level, _Mapping]]] = ..., bids: _Optional[_Iterable[_Union[Level, _Mapping]]] = ...) -> None: ...

class Level(_message.Message):
    __slots__ = ("price", "quantity", "orders", "number")
    PRICE_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    ORDERS_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    price: _wrappers_pb2.Int64Value
    quantity: _wrappers_pb2.UInt32Value
    orders: _wrappers_pb2.UInt32Value
    number: _wrappers_pb2.UInt32Value
    def __init__(self, price: _Optional[_Union[_wrappers_pb2.Int64Value, _Mapping]] = ..., quantity: _Optional[_Union[_wrappers_pb2.UInt32Value, _Mapping]] = ..., orders: _Optional[_Union[_wrappers_pb2.UInt32Value, _Mapping]] = ..., number: _Optional[_Union[_wrappers_pb2.UInt32Value, _Mapping]] = ...) -> None: ...
