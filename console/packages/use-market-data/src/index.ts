export { MarketDataClient } from "./client.js";
export { RefusedError, type Access, type Options, type Socket } from "./options.js";
export {
  MarketDataProvider,
  useMarketData,
  useMarketDataClient,
  useTicks,
  type MarketDataResult,
} from "./useMarketData.js";
export {
  keyOf,
  type Grant,
  type Instrument,
  type Level,
  type MarketData,
  type Mode,
  type Status,
  type Tick,
} from "./types.js";
