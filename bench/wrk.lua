-- Sends the requests of a file, each once, a file per thread: <stem>.0, <stem>.1, …; they are separated by the byte 1.
-- Arguments after the URL: the stem, and `once` or `again` (whether a file that is used up begins anew).
local threads = {}

function setup(thread)
  thread:set("number", #threads)
  table.insert(threads, thread)
end

local sub, find = string.sub, string.find
local KEPT, CHUNK = 4194304, 65536 -- bytes: a file up to the first is kept in memory, a larger one is read in pieces of the second
local buffer, place, file, kept = "", 1, nil, false

function init(arguments)
  again = arguments[2] == "again"
  exhausted = 0
  file = assert(io.open(arguments[1] .. "." .. number, "rb"))
  kept = file:seek("end") <= KEPT
  file:seek("set", 0)
  if kept then buffer = file:read("*a") end
end

local function used_up()
  if not again then exhausted = exhausted + 1 end
  place = 1
  if not kept then
    file:seek("set", 0)
    buffer = file:read(CHUNK)
  end
end

function request()
  while true do
    local stop = find(buffer, "\1", place, true)
    if stop then
      local found = sub(buffer, place, stop - 1)
      place = stop + 1
      return found
    end
    local more = not kept and file:read(CHUNK)
    if more then
      buffer = sub(buffer, place) .. more
      place = 1
    else
      used_up()
    end
  end
end

function done(summary, latency, requests)
  local used_up = 0
  for _, thread in ipairs(threads) do used_up = used_up + (thread:get("exhausted") or 0) end
  local e = summary.errors
  io.write(string.format(
    '\nRESULT {"requests": %d, "microseconds": %d, "bytes": %d, "refused": %d, "broken": %d, "timeouts": %d, "used_up": %d, ' ..
    '"p50": %d, "p90": %d, "p99": %d, "p999": %d, "max": %d}\n',
    summary.requests, summary.duration, summary.bytes, e.status, e.connect + e.read + e.write, e.timeout, used_up,
    latency:percentile(50), latency:percentile(90), latency:percentile(99), latency:percentile(99.9), latency.max))
end
