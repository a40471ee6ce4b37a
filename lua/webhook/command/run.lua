local core = require "webhook.core"
local untried = require "webhook.command.untried"

local run = { words = 0 }

run.options = { threads = { 1, 64 }, allow = "list", files = "list", transport = "text", proxy = "text", ["until-idle"] = "flag", quiet = "flag",
  ["log-format"] = "text", ["log-level"] = "text", metrics = { 0, 65535 }, ["metrics-address"] = "text" }

run.help = [[
webhook run - deliver what is published, until it is stopped

  webhook run
  webhook run --threads 4
  webhook run --until-idle --allow 127.0.0.1     until nothing is due, then end

Any number of these may run on one store. Ctrl-C or SIGTERM finishes what is in flight,
a second one does not. A store that another program has locked is waited for.
  --threads N     threads that deliver (1)
  --allow RANGE   deliver to this private or local address, too; may be repeated
  --files FOLDER  databases that are files ("sqlite:/path") may be in this folder; may be repeated
  --transport T   auto (the default), or libcurl: for everything, and slower
  --proxy URL     deliveries leave by it, where their subscription has none: http://10.0.0.1:3128
  --metrics PORT  serve /v1/metrics for Prometheus there, without a token; 0: a free port
  --metrics-address A   where, 127.0.0.1 by default: whoever reaches it may read
  --until-idle    end when nothing is due, or all that was due at the beginning has been tried
                  and failed; exit code 3 when a signal came before that
  --quiet         only errors
  --log-format F  of the log on the standard error: text, logfmt or json (an object a line)
  --log-level L   error, warning, info (the default), or debug, which tells of each attempt]]

local GRACE <const> = 10000 -- ms for what is in flight
local TELL <const> = 3 -- seconds between two lines that say how far it is
local NAP <const>, NAP_MOST <const> = 0.05, 0.5 -- seconds
local PAGE <const>, PAGES <const> = 1000, 10

--- What the engine counted since the store was opened, by the names of its metrics.
local function read_metrics(hooks)
  local numbers = {}
  local status, _, body = hooks:handle { path = "/v1/metrics" }
  for name, number in (status == 200 and body or ""):gmatch "\nwebhook_([a-z_]+) (%d+)" do
    numbers[name] = math.tointeger(number)
  end
  return numbers
end

--- How many deliveries wait, how many of them are due, and when the next one is. Of a long list
--- its beginning: then "10000+" are told.
local function count_waiting(hooks, pages)
  local count, due, first, query = 0, 0, nil, { state = "waiting", limit = PAGE }
  local now = os.date "!%Y-%m-%dT%H:%M:%S.999Z"
  for _ = 1, pages do
    local page = hooks:page("deliveries", query)
    if not page then break end
    for _, each in ipairs(page.items) do
      count = count + 1
      if each.due_at then
        due = due + (each.due_at <= now and 1 or 0)
        first = first and first < each.due_at and first or each.due_at
      end
    end
    query.cursor = page.next
    if not page.next then break end
  end
  return count .. (query.cursor and "+" or ""), due .. (query.cursor and "+" or ""), first
end

local function tell_progress(hooks, numbers)
  local waiting, due = count_waiting(hooks, 1)
  io.stderr:write(("delivered %d, failed %d, in flight %d; waiting %s, due %s\n"):format(
    numbers.delivered_total or 0, numbers.failed_attempts_total or 0, numbers.requests_in_flight or 0, waiting, due))
end

--- What is left, for the last line.
local function describe_rest(hooks, numbers)
  local waiting, _, first = count_waiting(hooks, PAGES)
  local parts = {}
  if waiting ~= "0" then
    parts[1] = waiting .. (waiting == "1" and " delivery is" or " deliveries are") .. " left to be tried" ..
      (first and ", the next at " .. first or "")
  end
  if numbers.events_pending == 1 or numbers.outbox_pending == 1 then
    parts[#parts + 1] = "events are left to be decided"
  end
  return parts[1] and table.concat(parts, "; ") or "nothing is left to be tried"
end

local function tell_end(hooks, stopped)
  local numbers = read_metrics(hooks)
  io.stderr:write(("%sdelivered %d, failed %d; %s\n"):format(stopped and "stopped: " or "",
    numbers.delivered_total or 0, numbers.failed_attempts_total or 0, describe_rest(hooks, numbers)))
end

--- Works until nothing is due; true if a signal came first. What is polled is read first: what comes of it is tried, too.
local function until_idle(hooks, out, quiet)
  local watch, nap, told, was_empty = nil, NAP, core.monotonic(), false
  while not hooks:idle() do
    local numbers = read_metrics(hooks)
    was_empty = was_empty or numbers.outbox_pending == 0
    if not watch and numbers.polls_pending == 0 then watch = untried.new(hooks) end
    if watch and out.check(watch:is_over(was_empty)) then return false end
    if not quiet and core.monotonic() - told >= TELL then
      tell_progress(hooks, numbers)
      told = core.monotonic()
    end
    if core.wait_signal(nap) then return true end
    nap = math.min(nap * 1.1, NAP_MOST)
  end
  return false
end

local function run_until_idle(hooks, out, values)
  if not values.metrics then out.check(hooks:api { open = true }) end -- for its metrics: nobody else asks
  local stopped = until_idle(hooks, out, values.quiet)
  out.check(hooks:stop(GRACE))
  if not values.quiet then tell_end(hooks, stopped) end
  return stopped and 3 or 0
end

--- For Prometheus: its metrics and nothing else, without a token.
local function serve_metrics(hooks, out, values)
  if not values.metrics then return setmetatable({}, { __close = function() end }) end
  out.check(hooks:api { metrics = true })
  local address = values["metrics-address"] or "127.0.0.1"
  local server = out.check(hooks:serve { address = address, port = values.metrics })
  if not values.quiet then
    io.stderr:write(("metrics at http://%s:%d/v1/metrics\n"):format(
      address:find(":", 1, true) and "[" .. address .. "]" or address, server:port()))
  end
  return server
end

function run.run(values, _, out)
  local hooks <close> = out:open_to_work(values, values.threads or 1)
  local server <close> = serve_metrics(hooks, out, values)
  if values["until-idle"] then return run_until_idle(hooks, out, values) end
  if not values.quiet then io.stderr:write("delivering from ", out.store, "\n") end
  while not core.wait_signal(1) do
    hooks:idle() -- hands the log's lines over
  end
  out.check(hooks:stop(GRACE))
end

return run
