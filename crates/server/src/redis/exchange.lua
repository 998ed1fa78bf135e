-- Shared limits: adds what one node let through to what all nodes did, and tells how much of each allowance is used up.
-- KEYS: one for each limited key. ARGV: the time in microseconds, or '' for this server's own; then for each key the
-- microseconds one use costs, the uses, the debt that the node knows of, and the most that is kept; all in microseconds.
-- A key holds 'debt:at', the debt there was at that time. It drains with time, and the key goes when it is drained.
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000000 + tonumber(time[2])
end
local debts = {}
for i, key in ipairs(KEYS) do
  local cost, uses = tonumber(ARGV[4 * i - 2]), tonumber(ARGV[4 * i - 1])
  local known, most = tonumber(ARGV[4 * i]), tonumber(ARGV[4 * i + 1])
  local debt = 0
  local kept = redis.call('GET', key)
  if kept then
    local then_debt, at = string.match(kept, '^(%d+):(%d+)$')
    if then_debt then
      -- A clock that went back drains nothing, and punishes nobody.
      debt = math.max(0, tonumber(then_debt) - math.max(0, now - tonumber(at)))
    end
  end
  -- What this server has lost, the node still knows.
  debt = math.min(math.max(debt + uses * cost, known), most)
  if debt > 0 then
    redis.call('SET', key, string.format('%.0f:%.0f', debt, now), 'PX', math.ceil(debt / 1000))
  end
  debts[i] = math.floor(debt)
end
return debts
