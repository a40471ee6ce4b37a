local fixtures = require "webhook.command.fixtures"
local nearest = require "webhook.command.nearest"
local webhook = require "webhook"

local trigger = { words = 1 }

trigger.options = { set = "list", as = "text", tenant = "text", source = "text", key = "text", list = "flag", ["dry-run"] = "flag" }

trigger.help = [[
webhook trigger TYPE - publish an example event, to see it arrive

  webhook trigger --list                       examples that there are, of ours and in the forms of others
  webhook trigger github.push
  webhook trigger stripe.invoice.paid --set data.object.amount_paid:=100 --as invoice.paid
  webhook trigger order.shipped                the newest of this type in the store, once more
  webhook trigger order.paid --dry-run         print it, and publish nothing

An event of the store comes before an example of that name. Each gets an id of its own.
  --set PATH=TEXT   changes a member, which is made where it is not there; PATH:=JSON for what is no
                    text; items.0.sku is in the first of a list; may be repeated
  --as TYPE         publish it as this type
  --tenant NAME     --source NAME   --key TEXT   as of webhook publish]]

local function names()
  local list = {}
  for name in pairs(fixtures) do list[#list + 1] = name end
  table.sort(list)
  return list
end

trigger.takes = { names() }

local function example(name)
  local text = fixtures[name]
  if not text then return nil end
  local now = os.time()
  local values = { now = os.date("!%Y-%m-%dT%H:%M:%SZ", now), seconds = tostring(now), id = tostring(now) .. ("%04d"):format(math.random(0, 9999)) }
  return (text:gsub("{([a-z]+)}", values))
end

--- The payload of the newest that the store has of this type.
local function stored(hooks, name, tenant, out)
  local found = out.check(hooks:page("events", { type = name, tenant = tenant, limit = 1 })).items[1]
  return found and out.check(hooks:payload(found.id)) or nil
end

-- ------------------------------------------------------------------------- --set PATH=TEXT

local function step(name, value)
  local number = math.tointeger(tonumber(name))
  return number and (#value > 0 or getmetatable(value) == getmetatable(webhook.array {})) and number + 1 or name
end

local function put(document, path, value, text)
  local place, last = document, nil
  for name in path:gmatch "[^.]+" do
    if last then
      if place[last] == nil then place[last] = webhook.object {} end
      if type(place[last]) ~= "table" then error { usage = ("--set %s: there is a value on the way, not an object"):format(text) } end
      place = place[last]
    end
    last = step(name, place)
  end
  place[last] = value
end

local function change(payload, list, out)
  if not list then return payload end
  local document = out.check(webhook.decode(payload))
  if type(document) ~= "table" then error { usage = "--set changes members of an object, and the payload is none: " .. payload } end
  for _, text in ipairs(list) do
    local path, colon, value = text:match "^([^=:]+)(:?)=(.*)$"
    if not path or path:find "^%.*$" then error { usage = ("--set expects PATH=TEXT or PATH:=JSON, found %q"):format(text) } end
    local decoded = value
    if colon == ":" then
      local message
      decoded, message = webhook.decode(value)
      if decoded == nil then error { usage = ("--set %s: %s"):format(path, message) } end
    end
    put(document, path, decoded, text)
  end
  return out.check(webhook.encode(document))
end

-- ---------------------------------------------------------------------------- the command

local function unknown(name)
  local meant = nearest(name, names())
  error { usage = ("there is no example %q, and no event of this type in the store; %s"):format(name,
    meant and ("did you mean %s?"):format(meant) or "webhook trigger --list says which there are") }
end

local function list(out)
  for _, name in ipairs(names()) do out:item({ type = name }, { "type" }) end
end

function trigger.run(values, words, out)
  if values.list then return list(out) end
  local name = words[1]
  if not name then error { usage = "trigger expects a TYPE; webhook trigger --list says which there are" } end
  local hooks <close> = out:open()
  local payload = stored(hooks, name, values.tenant, out) or example(name) or unknown(name)
  payload = change(payload, values.set, out)
  if values["dry-run"] then return print(out.plain(payload)) end
  local id = out.check(hooks:publish(values.as or name, webhook.raw(payload), { tenant = values.tenant, source = values.source, key = values.key }))
  out:item({ id = id }, { "id" })
end

return trigger
