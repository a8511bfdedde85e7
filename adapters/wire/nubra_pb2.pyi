from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Frame(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: Payload
    def __init__(self, value: _Optional[_Union[Payload, _Mapping]] = ...) -> None: ...

class Payload(_message.Message):
    __slots__ = ("type_url", "value")
    TYPE_URL_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    type_url: str
    value: bytes
    def __init__(self, type_url: _Optional[str] = ..., value: _Optional[bytes] = ...) -> None: ...

class IndexBatch(_message.Message):
    __slots__ = ("indexes", "instruments")
    INDEXES_FIELD_NUMBER: _ClassVar[int]
    INSTRUMENTS_FIELD_NUMBER: _ClassVar[int]
    indexes: _containers.RepeatedCompositeFieldContainer[Index]
    instruments: _containers.RepeatedCompositeFieldContainer[Index]
    def __init__(self, indexes: _Optional[_Iterable[_Union[Index, _Mapping]]] = ..., instruments: _Optional[_Iterable[_Union[Index, _Mapping]]] = ...) -> None: ...

class Index(_message.Message):
    __slots__ = ("name", "timestamp", "value", "high", "low", "volume", "previous_close", "exchange")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    LOW_FIELD_NUMBER: _ClassVar[int]
    VOLUME_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_CLOSE_FIELD_NUMBER: _ClassVar[int]
    EXCHANGE_FIELD_NUMBER: _ClassVar[int]
    name: str
    timestamp: int
    value: int
    high: int
    low: int
    volume: int
    previous_close: int
    exchange: str
    def __init__(self, name: _Optional[str] = ..., timestamp: _Optional[int] = ..., value: _Optional[int] = ..., high: _Optional[int] = ..., low: _Optional[int] = ..., volume: _Optional[int] = ..., previous_close: _Optional[int] = ..., exchange: _Optional[str] = ...) -> None: ...

class BucketBatch(_message.Message):
    __slots__ = ("indexes", "instruments")
    INDEXES_FIELD_NUMBER: _ClassVar[int]
    INSTRUMENTS_FIELD_NUMBER: _ClassVar[int]
    indexes: _containers.RepeatedCompositeFieldContainer[Bucket]
    instruments: _containers.RepeatedCompositeFieldContainer[Bucket]
    def __init__(self, indexes: _Optional[_Iterable[_Union[Bucket, _Mapping]]] = ..., instruments: _Optional[_Iterable[_Union[Bucket, _Mapping]]] = ...) -> None: ...

class Bucket(_message.Message):
    __slots__ = ("name", "exchange", "interval", "open")
    class Interval(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        UNKNOWN: _ClassVar[Bucket.Interval]
        DAY: _ClassVar[Bucket.Interval]
    UNKNOWN: Bucket.Interval
    DAY: Bucket.Interval
    NAME_FIELD_NUMBER: _ClassVar[int]
    EXCHANGE_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_FIELD_NUMBER: _ClassVar[int]
    OPEN_FIELD_NUMBER: _ClassVar[int]
    name: str
    exchange: str
    interval: Bucket.Interval
    open: int
    def __init__(self, name: _Optional[str] = ..., exchange: _Optional[str] = ..., interval: _Optional[_Union[Bucket.Interval, str]] = ..., open: _Optional[int] = ...) -> None: ...

class BookBatch(_message.Message):
    __slots__ = ("instruments",)
    INSTRUMENTS_FIELD_NUMBER: _ClassVar[int]
    instruments: _containers.RepeatedCompositeFieldContainer[Book]
    def __init__(self, instruments: _Optional[_Iterable[_Union[Book, _Mapping]]] = ...) -> None: ...

class Book(_message.Message):
    __slots__ = ("inst_id", "timestamp", "bids", "asks", "ltp", "ltq", "volume", "ref_id")
    INST_ID_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    BIDS_FIELD_NUMBER: _ClassVar[int]
    ASKS_FIELD_NUMBER: _ClassVar[int]
    LTP_FIELD_NUMBER: _ClassVar[int]
    LTQ_FIELD_NUMBER: _ClassVar[int]
    VOLUME_FIELD_NUMBER: _ClassVar[int]
    REF_ID_FIELD_NUMBER: _ClassVar[int]
    inst_id: int
    timestamp: int
    bids: _containers.RepeatedCompositeFieldContainer[Level]
    asks: _containers.RepeatedCompositeFieldContainer[Level]
    ltp: int
    ltq: int
    volume: int
    ref_id: int
    def __init__(self, inst_id: _Optional[int] = ..., timestamp: _Optional[int] = ..., bids: _Optional[_Iterable[_Union[Level, _Mapping]]] = ..., asks: _Optional[_Iterable[_Union[Level, _Mapping]]] = ..., ltp: _Optional[int] = ..., ltq: _Optional[int] = ..., volume: _Optional[int] = ..., ref_id: _Optional[int] = ...) -> None: ...

class Level(_message.Message):
    __slots__ = ("price", "quantity", "orders")
    PRICE_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    ORDERS_FIELD_NUMBER: _ClassVar[int]
    price: int
    quantity: int
    orders: int
    def __init__(self, price: _Optional[int] = ..., quantity: _Optional[int] = ..., orders: _Optional[int] = ...) -> None: ...

class GreeksBatch(_message.Message):
    __slots__ = ("instruments",)
    INSTRUMENTS_FIELD_NUMBER: _ClassVar[int]
    instruments: _containers.RepeatedCompositeFieldContainer[Option]
    def __init__(self, instruments: _Optional[_Iterable[_Union[Option, _Mapping]]] = ...) -> None: ...

class OptionChain(_message.Message):
    __slots__ = ("calls", "puts")
    CALLS_FIELD_NUMBER: _ClassVar[int]
    PUTS_FIELD_NUMBER: _ClassVar[int]
    calls: _containers.RepeatedCompositeFieldContainer[Option]
    puts: _containers.RepeatedCompositeFieldContainer[Option]
    def __init__(self, calls: _Optional[_Iterable[_Union[Option, _Mapping]]] = ..., puts: _Optional[_Iterable[_Union[Option, _Mapping]]] = ...) -> None: ...

class Option(_message.Message):
    __slots__ = ("inst_id", "timestamp", "ltp", "oi", "volume", "ref_id")
    INST_ID_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    LTP_FIELD_NUMBER: _ClassVar[int]
    OI_FIELD_NUMBER: _ClassVar[int]
    VOLUME_FIELD_NUMBER: _ClassVar[int]
    REF_ID_FIELD_NUMBER: _ClassVar[int]
    inst_id: int
    timestamp: int
    ltp: int
    oi: int
    volume: int
    ref_id: int
    def __init__(self, inst_id: _Optional[int] = ..., timestamp: _Optional[int] = ..., ltp: _Optional[int] = ..., oi: _Optional[int] = ..., volume: _Optional[int] = ..., ref_id: _Optional[int] = ...) -> None: ...

class OrderUpdate(_message.Message):
    __slots__ = ("order",)
    ORDER_FIELD_NUMBER: _ClassVar[int]
    order: Order
    def __init__(self, order: _Optional[_Union[Order, _Mapping]] = ...) -> None: ...

class Order(_message.Message):
    __slots__ = ("id", "status", "entry", "delivery", "price_type", "quantity", "filled_quantity", "price", "filled_price", "fill", "reference", "ref_id", "side", "rejection")
    class Status(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        NO_STATUS: _ClassVar[Order.Status]
        OPEN: _ClassVar[Order.Status]
        EXECUTED: _ClassVar[Order.Status]
        REJECTED: _ClassVar[Order.Status]
        ARMED: _ClassVar[Order.Status]
        CANCELLED: _ClassVar[Order.Status]
        EXPIRED: _ClassVar[Order.Status]
    NO_STATUS: Order.Status
    OPEN: Order.Status
    EXECUTED: Order.Status
    REJECTED: Order.Status
    ARMED: Order.Status
    CANCELLED: Order.Status
    EXPIRED: Order.Status
    class Delivery(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        NO_DELIVERY: _ClassVar[Order.Delivery]
        CARRY: _ClassVar[Order.Delivery]
        INTRADAY: _ClassVar[Order.Delivery]
    NO_DELIVERY: Order.Delivery
    CARRY: Order.Delivery
    INTRADAY: Order.Delivery
    class Price(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        NO_PRICE: _ClassVar[Order.Price]
        LIMIT: _ClassVar[Order.Price]
        MARKET: _ClassVar[Order.Price]
    NO_PRICE: Order.Price
    LIMIT: Order.Price
    MARKET: Order.Price
    class Side(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        NO_SIDE: _ClassVar[Order.Side]
        BUY: _ClassVar[Order.Side]
        SELL: _ClassVar[Order.Side]
    NO_SIDE: Order.Side
    BUY: Order.Side
    SELL: Order.Side
    ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    DELIVERY_FIELD_NUMBER: _ClassVar[int]
    PRICE_TYPE_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    FILLED_QUANTITY_FIELD_NUMBER: _ClassVar[int]
    PRICE_FIELD_NUMBER: _ClassVar[int]
    FILLED_PRICE_FIELD_NUMBER: _ClassVar[int]
    FILL_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    REF_ID_FIELD_NUMBER: _ClassVar[int]
    SIDE_FIELD_NUMBER: _ClassVar[int]
    REJECTION_FIELD_NUMBER: _ClassVar[int]
    id: int
    status: Order.Status
    entry: Entry
    delivery: Order.Delivery
    price_type: Order.Price
    quantity: int
    filled_quantity: int
    price: int
    filled_price: int
    fill: Fill
    reference: Reference
    ref_id: int
    side: Order.Side
    rejection: str
    def __init__(self, id: _Optional[int] = ..., status: _Optional[_Union[Order.Status, str]] = ..., entry: _Optional[_Union[Entry, _Mapping]] = ..., delivery: _Optional[_Union[Order.Delivery, str]] = ..., price_type: _Optional[_Union[Order.Price, str]] = ..., quantity: _Optional[int] = ..., filled_quantity: _Optional[int] = ..., price: _Optional[int] = ..., filled_price: _Optional[int] = ..., fill: _Optional[_Union[Fill, _Mapping]] = ..., reference: _Optional[_Union[Reference, _Mapping]] = ..., ref_id: _Optional[int] = ..., side: _Optional[_Union[Order.Side, str]] = ..., rejection: _Optional[str] = ...) -> None: ...

class Entry(_message.Message):
    __slots__ = ("conditions",)
    CONDITIONS_FIELD_NUMBER: _ClassVar[int]
    conditions: _containers.RepeatedCompositeFieldContainer[Condition]
    def __init__(self, conditions: _Optional[_Iterable[_Union[Condition, _Mapping]]] = ...) -> None: ...

class Condition(_message.Message):
    __slots__ = ("threshold",)
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    threshold: int
    def __init__(self, threshold: _Optional[int] = ...) -> None: ...

class Fill(_message.Message):
    __slots__ = ("quantity", "price")
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    PRICE_FIELD_NUMBER: _ClassVar[int]
    quantity: int
    price: int
    def __init__(self, quantity: _Optional[int] = ..., price: _Optional[int] = ...) -> None: ...

class Reference(_message.Message):
    __slots__ = ("ref_id", "name", "exchange", "kind")
    REF_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    EXCHANGE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    ref_id: int
    name: str
    exchange: str
    kind: str
    def __init__(self, ref_id: _Optional[int] = ..., name: _Optional[str] = ..., exchange: _Optional[str] = ..., kind: _Optional[str] = ...) -> None: ...
