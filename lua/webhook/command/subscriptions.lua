local webhook = require "webhook"

local subscriptions = {}

subscriptions.options = {
  events = "list", tenant = "text", name = "text", rule = "text", fields = "text", filter = "list", header = "list",
  secret = "list", retry = "text", timeout = "number", concurrency = "number", insecure = "flag", state = "text",
  ["on-rule-error"] = "text",
}

subscriptions.help = [[
webhook subscriptions [list | add URL | show ID | update ID | delete ID | pause ID | resume ID | secrets ID]

  webhook subscriptions add https://example.com/hook --events 'order.*' --events invoice.paid
  webhook subscriptions add https://example.com/hook --rule rule.lua --fields id,total
  webhook subscriptions update sub_… --filter customer.country=DE
  webhook subscriptions list --state disabled

add prints the secret, once. For add and update:
  --events PATTERN   a type, '*', 'prefix.*', 'prefix:*'; may be repeated; none: all
  --tenant NAME      only events of this tenant
  --name TEXT        --timeout MS   --concurrency N   --insecure
  --rule FILE        a Lua rule     --on-rule-error hold|skip|send
  --fields LIST      id,customer(name,email)
  --filter PATH=VALUE   may be repeated
  --header 'Name: value'   may be repeated
  --secret S         may be repeated: each signs
  --retry MS,MS,…    wait before each attempt]]

local columns = { "id", "url", "events", "name", "version" }

local function pairs_of(list, pattern, what)
  if not list then return nil end
  local made = {}
  for _, each in ipairs(list) do
    local name, value = each:match(pattern)
    if not name then error { usage = ("--%s: found %q"):format(what, each) } end
    made[name] = value
  end
  return made
end

local function read_rule(name, out)
  if not name then return nil end
  local file, message = io.open(name)
  if not file then out.fail(message) end
  local text = file:read("a")
  file:close()
  return text
end

--- The document that the options of the line describe.
local function document(values, out)
  local retry
  if values.retry then
    retry = webhook.array {}
    for each in values.retry:gmatch("[^,]+") do
      retry[#retry + 1] = math.tointeger(tonumber(each)) or error { usage = "--retry expects milliseconds with commas" }
    end
  end
  return {
    events = values.events and webhook.array(values.events), tenant = values.tenant, name = values.name,
    rule = read_rule(values.rule, out), fields = values.fields, retry = retry, timeout = values.timeout,
    filters = pairs_of(values.filter, "^([^=]+)=(.*)$", "filter expects PATH=VALUE"),
    headers = pairs_of(values.header, "^([^:]+):%s*(.*)$", "header expects 'Name: value'"),
    secrets = values.secret and webhook.array(values.secret), concurrency = values.concurrency,
    insecure = values.insecure, on_rule_error = values["on-rule-error"],
  }
end

local actions = {}

function actions.list(hooks, values, _, out)
  for each in hooks:subscriptions { tenant = values.tenant, state = values.state } do out:item(each, columns) end
end

function actions.add(hooks, values, url, out)
  local wanted = document(values, out)
  wanted.url = url
  local made = out.check(hooks:subscribe(wanted))
  if out.json then return out:item(made) end
  print(made.id)
  for _, secret in ipairs(made.secrets) do print(secret) end
end

function actions.show(hooks, _, id, out)
  print(webhook.encode(out.check(hooks:subscription(id))))
end

function actions.update(hooks, values, id, out)
  out:item(out.check(hooks:update(id, document(values, out))), columns)
end

function actions.delete(hooks, _, id, out)
  out.check(hooks:delete(id))
end

function actions.pause(hooks, _, id, out)
  out.check(hooks:pause(id))
end

function actions.resume(hooks, _, id, out)
  out.check(hooks:resume(id))
end

function actions.secrets(hooks, _, id, out)
  print(webhook.encode(out.check(hooks:secrets(id))))
end

function subscriptions.run(values, words, out)
  local name = words[1] or "list"
  local action = actions[name]
  if not action then error { usage = ("subscriptions has no %q; see webhook subscriptions --help"):format(name) } end
  if name ~= "list" and not words[2] then
    error { usage = ("subscriptions %s expects %s"):format(name, name == "add" and "a URL" or "an ID") }
  end
  local hooks <close> = out:open()
  return action(hooks, values, words[2], out)
end

return subscriptions
