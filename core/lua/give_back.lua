-- Gives one token back to each bucket of `token_bucket.lua`.
-- KEYS: the buckets.  ARGV, one a key: microseconds in which one token grows.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
for place, key in ipairs(KEYS) do
  local stored = redis.call('GET', key)
  local debt = stored and tonumber(stored) - now - tonumber(ARGV[place]) or 0
  if debt > 0 then
    redis.call('SET', key, string.format('%.0f', now + debt), 'PX', math.ceil(debt / 1000))
  elseif stored then
    redis.call('DEL', key)
  end
end
