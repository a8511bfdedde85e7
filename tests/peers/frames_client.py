"""Opens a Parquet file in pandas, polars and DuckDB; what each found as JSON on standard output."""

import json
import sys

import duckdb
import pandas as pd
import polars as pl

file = sys.argv[1]

frame = pd.read_parquet(file)
with_pandas = {
    "types": {name: str(kind) for name, kind in frame.dtypes.items()},
    "rows": len(frame),
    "received_ns": [int(value.value) for value in frame["received"]],
    "ltp": frame["ltp"].tolist(),
    "best_bid": frame["bids"].dropna().map(lambda side: side[0]["price"]).tolist(),
    "no_volume": int(frame["volume"].isna().sum()),
}

table = pl.read_parquet(file)
with_polars = {
    "types": {name: str(kind) for name, kind in table.schema.items()},
    "rows": table.height,
    "received_ns": table["received"].dt.epoch("ns").to_list(),
    "ltp": table["ltp"].to_list(),
    "best_bid": table["bids"].drop_nulls().list.first().struct.field("price").to_list(),
    "no_volume": table["volume"].null_count(),
}

db = duckdb.connect()
relation = db.sql(f"SELECT * FROM '{file}' ORDER BY received")  # noqa: S608 - a test's own file
with_duckdb = {
    "types": dict(zip(relation.columns, map(str, relation.types), strict=True)),
    "rows": len(relation),
    "received_us": [
        row[0] for row in db.sql("SELECT epoch_us(received::TIMESTAMPTZ) FROM relation").fetchall()
    ],
    "ltp": [row[0] for row in db.sql("SELECT ltp FROM relation").fetchall()],
    "best_bid": [
        row[0]
        for row in db.sql("SELECT bids[1].price FROM relation WHERE bids IS NOT NULL").fetchall()
    ],
    "no_volume": db.sql("SELECT count(*) FROM relation WHERE volume IS NULL").fetchall()[0][0],
}

print(json.dumps({"pandas": with_pandas, "polars": with_polars, "duckdb": with_duckdb}))
