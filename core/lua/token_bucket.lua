-- Takes one token for each key, in order; a key may stand more than once.
-- KEYS: one bucket per take.  ARGV[1]: microseconds in which one token grows.  ARGV[2]: tokens a full bucket holds.
-- Returns, flat, two integers per take: 1 if a token was there, else 0; microseconds until the bucket is full again, after the take.
-- A bucket is stored as the instant at which it will be full; one that is full has no key. The clock is this server's, so that all askers agree.
local interval, capacity = tonumber(ARGV[1]), tonumber(ARGV[2])
local window = interval * capacity
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local answers = {}
for place, key in ipairs(KEYS) do
  local stored = redis.call('GET', key)
  local debt = stored and math.min(math.max(tonumber(stored) - now, 0), window) or 0
  local granted = debt + interval <= window
  if granted then
    debt = debt + interval
    redis.call('SET', key, string.format('%.0f', now + debt), 'PX', math.ceil(debt / 1000))
  end
  answers[2 * place - 1] = granted and 1 or 0
  answers[2 * place] = debt
end
return answers
