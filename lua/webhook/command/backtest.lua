local core = require "webhook.core"
local options = require "webhook.command.options"
local subscriptions = require "webhook.command.subscriptions"
local webhook = require "webhook"

local backtest = { words = 1, takes = { "subscription" } }

backtest.options = {
  rule = "text", fields = "text", filter = "list", events = "list", metadata = "text", last = { 1, 1000000 },
  since = "text", ["until"] = "text", shown = { 1, 100 }, tenant = "text", own = "flag",
}

backtest.help = [[
webhook backtest SUBSCRIPTION [--rule FILE] [--filter PATH=TEXT] [--fields LIST] [--events PATTERN]

  webhook backtest sub_… --rule new.lua               on the last 1000 events of the store
  webhook backtest sub_… --fields id,total --since 7d
  webhook backtest --rule new.lua --tenant acme       compared with sending everything

What would a changed subscription have done? Runs it beside what is in force and tells how many
would go, what differs, what fails, what it costs. Sends nothing, changes nothing; Ctrl-C ends
it with what was seen so far. An empty value ('') takes what is in force away.
  --last N        the last so many events (1000)
  --since TIME    2026-11-21T10:00:00Z, or so long ago: 90s, 30m, 12h, 7d     --until TIME
  --metadata JSON --shown N   differences and errors that are told in full (10)
  --own           the engine's own events, webhook.*, too]]

--- The candidate that the options of the line describe.
local function candidate(values, out)
  local function text_of(text, make)
    if text == nil or text == "" then return text and webhook.null end
    return make and make(text) or text
  end
  local events = values.events
  return {
    rule = text_of(values.rule, out.read), fields = text_of(values.fields), metadata = text_of(values.metadata, webhook.raw),
    filters = subscriptions.filters(values.filter), events = events and (events[1] == "" and webhook.null or events),
  }
end

--- Tells of the progress on a terminal; true when the person at it has had enough.
local function watcher()
  if not os.execute "test -t 2" then
    return function() return core.wait_signal(0) end
  end
  return function(done, total)
    io.stderr:write(("\r%d of %d events"):format(done, total))
    return core.wait_signal(0)
  end, function() io.stderr:write "\r\27[K" end
end

local function counted(count, name)
  return ("%d %s%s"):format(count, name, count == 1 and "" or "s")
end

local function row(name, pair, note)
  local text = ("%-9s %12s %12s   %s"):format(name, pair.now or "", pair["then"] or "", note or "")
  print((text:gsub(" +$", "")))
end

local function show(report, out)
  if report.cancelled then print "Cancelled: this is what was seen so far." end
  print(counted(report.events, "event"))
  print(("%-9s %12s %12s"):format("", "now", "then"))
  row("matched", report.matched)
  row("sent", report.sent)
  row("failed", report.failed)
  local was, saved = report.bytes.now, report.bytes.saved
  row("bytes", report.bytes, was > 0 and ("%d %s, %.0f %%"):format(math.abs(saved), saved < 0 and "more" or "saved", math.abs(saved) * 100 / was))
  row("CPU µs ", report.cpu_us, ("at worst %d"):format(report.cpu_us.worst or 0))
  row("memory", {}, ("at worst %d bytes"):format(report.memory.worst or 0))
  print(("\n%s %s"):format(counted(report.differ, "event"), report.differ == 1 and "differs" or "differ"))
  for _, each in ipairs(report.differences) do
    print(out.plain(("%s  %s: %s, then %s"):format(each.event, each.type, each.now, each["then"])))
    for _, line in ipairs(each.diff or {}) do print("  " .. out.plain(line)) end
  end
  if #report.errors > 0 then print "\nErrors" end
  for _, each in ipairs(report.errors) do
    local place = each.line and ("line %d: "):format(each.line) or ""
    print(out.plain(("%s  %s: %s%s"):format(each.event, each.type, place, each.message)))
  end
end

function backtest.run(values, words, out)
  local wanted = candidate(values, out)
  if next(wanted) == nil then
    error { usage = "backtest expects --rule, --filter, --fields, --events or --metadata; see webhook backtest --help" }
  end
  if values.tenant then
    if words[1] then error { usage = "a subscription has its own tenant: --tenant is for a rule without one" } end
    wanted.tenant = values.tenant
    wanted = { document = wanted }
  end
  wanted.subscription, wanted.last, wanted.shown = words[1], values.last, values.shown
  wanted.own = values.own
  wanted.since, wanted["until"] = options.time("since", values.since), options.time("until", values["until"])
  local hooks <close> = out:open_existing()
  local finish
  wanted.progress, finish = watcher()
  core.catch_signals()
  local report, message, code = hooks:backtest(wanted)
  if finish then finish() end
  out.check(report, message, code)
  if out.json then out:item(report) else show(report, out) end
end

return backtest
