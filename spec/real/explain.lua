-- What explain and backtest say of the store that publish.lua has filled, against what jq makes
-- of the same payloads.
--   lua5.4 explain.lua STORE
local webhook = require "webhook"

local hooks <close> = assert(webhook.open(arg[1]))

local subscriptions = {}
for each in hooks:subscriptions() do subscriptions[each.url:match "[^/]+$"] = each.id end

local events, file = {}, os.tmpname()
do
  local out <close> = assert(io.open(file, "wb"))
  for event in hooks:events() do
    event.text = assert(hooks:payload(event.id))
    events[#events + 1] = event
    out:write(('{"type":"%s","size":%d,"payload":%s}\n'):format(event.type, #event.text, event.text))
  end
end

--- The lines that jq makes of the events.
local function jq(options, program)
  local pipe <close> = assert(io.popen(("jq %s '%s' '%s'"):format(options, program, file)))
  local lines = {}
  for line in pipe:lines() do lines[#lines + 1] = line end
  return lines
end

-- publish.lua's filter, said in jq, and a candidate in both languages.
local wanted = '(.payload.action == "created" or .type == "github.push")'
local rule = [[
  local repository = payload.repository
  if not repository then return false end
  return { id = repository.id, action = payload.action, language = repository.language }
]]
local taken = "(.payload.repository != null)"
local made = [[.payload | {id: .repository.id} + (if has("action") then {action} else {} end)
  + (if .repository | has("language") then {language: .repository.language} else {} end)]]

local kept = jq("-c", wanted)
local delivered, dropped = 0, 0
for i, event in ipairs(events) do
  local all = assert(hooks:explain(event.id, subscriptions.all))
  assert(all.outcome == "delivered" and all.version == 1, all.outcome)
  local found = assert(hooks:explain(event.id, subscriptions.filter))
  assert(found.outcome == (kept[i] == "true" and "delivered" or "dropped"), event.type .. ": " .. found.outcome)
  local project = assert(hooks:explain(event.id, subscriptions.project))
  assert(project.outcome == "delivered" and project.bytes == #assert(hooks:body(project.delivery)), event.type)
  if kept[i] == "true" then delivered = delivered + 1 else dropped = dropped + 1 end
end

local function number(program)
  return math.tointeger(tonumber(jq("-s", program)[1]))
end

local report = assert(hooks:backtest { subscription = subscriptions.filter, rule = rule, shown = 100 })
local expected = {
  events = #events,
  matched = { now = #events, ["then"] = #events },
  sent = { now = delivered, ["then"] = number(("map(select(%s)) | length"):format(taken)) },
  failed = { now = 0, ["then"] = 0 },
  differ = number(("map(select(%s or %s)) | length"):format(wanted, taken)),
  bytes = {
    now = number(("map(select(%s) | .size) | add"):format(wanted)),
    ["then"] = number(("map(select(%s) | %s | tojson | utf8bytelength) | add"):format(taken, made)),
  },
}
expected.bytes.saved = expected.bytes.now - expected.bytes["then"]
for name, value in pairs(expected) do
  local one, other = webhook.encode(value), webhook.encode(report[name])
  assert(one == other, ("%s: jq says %s, backtest %s"):format(name, one, other))
end

-- The differences that are told: the newest events first, in each what has been the payload.
local k = 0
for i, event in ipairs(events) do
  if kept[i] == "true" or event.text:find '"repository":' then
    k = k + 1
    local told = report.differences[k]
    if not told then break end
    assert(told.event == event.id, told.event)
    assert(told.now == (kept[i] == "true" and "sent" or "dropped"), told.now)
  end
end

-- Filters and fields, and the diffs line by line: what was cut is compared as far as it goes.
local passes = '(.payload.sender.type? == "User" and (.payload.action | IN("created", "edited", "opened", "completed")))'
local lines_of = [[.payload | [to_entries | sort_by(.key)[]
  | if .key == "action" then empty
    elif .key == "sender" then .value | to_entries | sort_by(.key)[] | select(.key != "login" and .key != "id") | "- sender.\(.key): \(.value | tojson)"
    else "- \(.key): \(.value | tojson)" end] | .[:50] ]]
local kept_bytes = [[.payload | ((if has("action") then {action} else {} end)
  + {sender: (.sender | with_entries(select(.key == ("login", "id"))))}) | tojson | utf8bytelength]]
local chosen, texts = jq("-c", passes), jq("-c", lines_of)
report = assert(hooks:backtest { subscription = subscriptions.all, shown = 100, fields = "action, sender(login,id)",
  filters = { ["sender.type"] = "User", action = { "created", "edited", "opened", "completed" } } })
assert(report.sent["then"] == number(("map(select(%s)) | length"):format(passes)))
assert(report.bytes["then"] == number(("map(select(%s) | %s) | add"):format(passes, kept_bytes)))
assert(report.differ == #events)
local told_lines = 0
for i, told in ipairs(report.differences) do
  local wanted_lines = chosen[i] == "true" and webhook.decode(texts[i]) or {}
  assert(told.event == events[i].id and told["then"] == (chosen[i] == "true" and "sent" or "filtered"), told.event)
  assert(#told.diff == #wanted_lines, ("%s: %d lines, jq says %d"):format(told.event, #told.diff, #wanted_lines))
  for n, line in ipairs(told.diff) do
    local begin = line:match "^(.*)\u{2026}$"
    assert(begin and #begin > 190 and wanted_lines[n]:sub(1, #begin) == begin or line == wanted_lines[n], line)
    told_lines = told_lines + 1
  end
end
os.remove(file)
print(("%d events explained, %d dropped; backtests say what jq says, in %d lines of diffs too"):format(#events, dropped, told_lines))
