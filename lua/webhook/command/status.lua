local webhook = require "webhook"

local status = { words = 0 }

status.options = {}

status.help = [[
webhook status - what waits in a store, and who fails

  webhook status
  webhook status --json     all of it, also what this process counted

Deliveries and subscriptions are counted to 100000.]]

local function show(stats)
  local store = stats.store
  local oldest = store.oldest_waiting_at ~= webhook.null and "oldest " .. store.oldest_waiting_at
  local lines = {
    { "waiting", store.waiting, oldest },
    { "due", store.due }, { "held", store.held }, { "exhausted", store.exhausted },
    { "subscriptions", store.subscriptions }, { "failing", store.failing }, { "disabled", store.disabled },
    { "unreadable", store.unreadable, store.unreadable > 0 and "this process has no key for them" or nil },
    { "over budget", store.over_budget, store.over_budget > 0 and "subscriptions that wait for their tenant's budget" },
    { "undecided", store.pending and "yes" or "no", store.pending and ("since %d ms"):format(store.lag_ms) },
    { "bytes", store.bytes, ("log %d"):format(store.log_bytes) },
  }
  for _, each in ipairs(lines) do
    print(("%-14s %s%s"):format(each[1], each[2], each[3] and "  " .. each[3] or ""))
  end
end

local function show_backlogs(backlogs)
  for _, each in ipairs(backlogs) do
    print(("%-14s %s  oldest %s, %d s ago  %s"):format("for a sink", each.waiting, each.oldest_waiting_at, each.lag_seconds, each.url))
  end
end

local function show_sources(sources)
  for _, each in ipairs(sources) do
    local state = each.suspicious and "suspicious" or each.refused and "refused" or each.failures > 0 and "fails" or "in order"
    print(("%-14s %s  %s  %d s late, %d failures, %d pages wait, %d objects held%s"):format("source", each.object_type .. " " .. each.connection, state,
      each.lag_seconds, each.failures, each.pages_waiting, each.objects_held, each.tenant ~= "" and "  tenant " .. each.tenant or ""))
  end
end

function status.run(_, _, out)
  local hooks <close> = out:open_existing()
  local stats = out.check(hooks:stats())
  if out.json then return out:item(stats) end
  show(stats)
  show_backlogs(stats.backlogs)
  show_sources(stats.sources)
  for _, each in ipairs(stats.worst.subscriptions) do
    out:item(each, { "subscription", "tenant", "failures", "failing_since", "last_error" })
  end
end

return status
