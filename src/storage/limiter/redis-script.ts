/**
 * Decides several counts in one step inside Redis, whose clock all processes share. Each count is three arguments long:
 * algorithm, limit, window; a token bucket's capacity and a concurrency lease's name and length follow in the same
 * place, so that every count has seven. The same arithmetic as `counts.ts`.
 *
 * KEYS[i]; ARGV[1] now in ms, or 0 for Redis's own; ARGV[2] `decide` or `standing`; then for each key: algorithm, limit,
 * window ms, capacity, lease name, lease ms, life ms.
 * Answers `decide`: {0, then for each key what is left of it, ms until a place comes back} where all were counted, else
 * {number of the key, ms to wait}. `standing`: {used, ms to reset} of the first.
 */
export const DECIDE = `
local PARTS = 32
local now = tonumber(ARGV[1])
if now == 0 then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local found, left, longest, refusing = {}, {}, 0, 0
for i, key in ipairs(KEYS) do
  local at = 2 + (i - 1) * 7
  local algorithm, limit, window = ARGV[at + 1], tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  local wait, used, reset, returns, capacity = 0, 0, 0, 0, limit
  if algorithm == 'sliding_window' then
    local newest = math.floor(now * PARTS / window)
    local fields = redis.call('HGETALL', key)
    local parts, stale, oldest, latest = {}, {}, newest, 0
    for f = 1, #fields, 2 do
      local part, count = tonumber(fields[f]), tonumber(fields[f + 1])
      if part < newest - PARTS then stale[#stale + 1] = fields[f]
      else
        if part > newest then newest = part end
        parts[#parts + 1] = { part, count }
        used = used + count
        if part < oldest then oldest = part end
        if part > latest then latest = part end
      end
    end
    if used >= limit then
      table.sort(parts, function(a, b) return a[1] < b[1] end)
      local left = used
      for _, entry in ipairs(parts) do
        left = left - entry[2]
        if left < limit then
          wait = math.max(1, math.ceil((entry[1] + PARTS + 1) * window / PARTS) - now)
          break
        end
      end
      if wait == 0 then wait = window end
    end
    if used > 0 then reset = math.ceil((latest + PARTS + 1) * window / PARTS) - now end
    returns = math.ceil((oldest + PARTS + 1) * window / PARTS) - now
    found[i] = { newest, stale }
  elseif algorithm == 'fixed_window' then
    local index = math.floor(now / window)
    local known = redis.call('HMGET', key, 'w', 'n')
    if known[1] and tonumber(known[1]) >= index then
      index = tonumber(known[1])
      used = tonumber(known[2])
    end
    reset = math.max(1, (index + 1) * window - now)
    returns = reset
    if used >= limit then wait = reset end
    if used == 0 then reset = 0 end
    found[i] = { index, used }
  elseif algorithm == 'token_bucket' then
    capacity = tonumber(ARGV[at + 4])
    local known = redis.call('HMGET', key, 'm', 'a')
    local missing, since = tonumber(known[1] or '0'), tonumber(known[2] or '0')
    if now > since then
      missing = math.max(0, missing - (now - since) * limit / window)
      since = now
    end
    local lacking = missing + 1 - capacity
    if lacking > 1e-9 then wait = math.max(1, math.ceil(lacking * window / limit)) end
    used = math.ceil(missing - 1e-9)
    reset = math.ceil(missing * window / limit)
    returns = math.ceil((missing + 2 - math.ceil(missing + 1 - 1e-9)) * window / limit)
    found[i] = { missing, since }
  else
    redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
    used = redis.call('ZCARD', key)
    if used >= limit then wait = 1000 end
    if used > 0 then reset = 1000 end
    found[i] = {}
  end
  if ARGV[2] == 'standing' then return { used, reset } end
  if wait > longest then longest, refusing = wait, i end
  left[i * 2 - 1], left[i * 2] = capacity - used - 1, returns
end
if refusing > 0 then return { refusing, longest } end
for i, key in ipairs(KEYS) do
  local at = 2 + (i - 1) * 7
  local algorithm = ARGV[at + 1]
  local life = tonumber(ARGV[at + 7])
  if algorithm == 'sliding_window' then
    if #found[i][2] > 0 then redis.call('HDEL', key, unpack(found[i][2])) end
    redis.call('HINCRBY', key, string.format('%d', found[i][1]), 1)
  elseif algorithm == 'fixed_window' then
    redis.call('HSET', key, 'w', string.format('%d', found[i][1]), 'n', found[i][2] + 1)
  elseif algorithm == 'token_bucket' then
    redis.call('HSET', key, 'm', string.format('%.9f', found[i][1] + 1), 'a', string.format('%d', found[i][2]))
  else
    redis.call('ZADD', key, string.format('%d', now + tonumber(ARGV[at + 6])), ARGV[at + 5])
  end
  redis.call('PEXPIRE', key, life)
end
return { 0, unpack(left) }
`;
