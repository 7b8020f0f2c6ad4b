-- Takes one token from every bucket of each take, or from none of them; takes are judged in order, and a key may stand in several.
-- KEYS: the buckets, take by take.  ARGV, three a key: microseconds in which one token grows; tokens a full bucket holds; 1 if its take ends here, else 0.
-- Returns, flat, two integers per key: 1 if its take was granted, else 0; microseconds until the bucket is full again, after the take.
-- A bucket is stored as the instant at which it will be full; one that is full has no key. The clock is this server's, so that all askers agree.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local answers, debts = {}, {}
local granted, first = true, 1
for place, key in ipairs(KEYS) do
  local interval = tonumber(ARGV[3 * place - 2])
  local window = interval * tonumber(ARGV[3 * place - 1])
  local stored = redis.call('GET', key)
  debts[place] = stored and math.min(math.max(tonumber(stored) - now, 0), window) or 0
  granted = granted and debts[place] + interval <= window
  if ARGV[3 * place] == '1' then
    for each = first, place do
      if granted then
        debts[each] = debts[each] + tonumber(ARGV[3 * each - 2])
        redis.call('SET', KEYS[each], string.format('%.0f', now + debts[each]), 'PX', math.ceil(debts[each] / 1000))
      end
      answers[2 * each - 1] = granted and 1 or 0
      answers[2 * each] = debts[each]
    end
    granted, first = true, place + 1
  end
end
return answers
