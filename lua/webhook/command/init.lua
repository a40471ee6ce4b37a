--- The command `webhook`: the engine for the shell. Each subcommand is a module beside this
--- one: { help = text, options = specification, run = function(values, words, out) }.
local webhook = require "webhook"
local options = require "webhook.command.options"

local command = {}

local names = { "publish", "run", "listen", "subscriptions", "events", "deliveries", "replay", "secret", "verify" }

command.help = [[
webhook - keep subscriptions, publish events, deliver them signed and with retries

  webhook subscriptions add URL --events 'order.*'   who gets what
  webhook publish order.paid order.json              accept an event
  webhook run                                        deliver until stopped
  webhook listen                                     a receiver for development
  webhook deliveries --state exhausted               what became of them
  webhook replay ID                                  send again
  webhook events | secret | verify                   see `webhook NAME --help`

The store is --store FILE, or $WEBHOOK_STORE, or webhook.db in this folder.
--json speaks to scripts: one JSON document a line. Exit code 0: done, 1: it failed, 2: the
line was wrong.]]

--- Every subcommand understands these.
local common = { store = "text", json = "flag", help = "flag" }

--- What a subcommand gets to work with.
---@class webhook.command.out
---@field json boolean
local out = {}
out.__index = out

--- Prints a document: as JSON, or by the given columns {"id", "state", …}.
function out:item(document, columns)
  if self.json then
    print(webhook.encode(document))
    return
  end
  local cells = {}
  for i, name in ipairs(columns) do
    local value = document[name]
    if value == nil or value == webhook.null then value = "-" end
    if type(value) == "table" then value = #value > 0 and table.concat(value, ",") or "*" end
    cells[i] = tostring(value)
  end
  print(table.concat(cells, "  "))
end

--- Ends the command with a failure.
function out.fail(message, code)
  error { failure = message, code = code }
end

--- What an expected failure returns becomes the end of the command.
function out.check(value, message, code)
  if value == nil then out.fail(message, code) end
  return value
end

--- Opens the store of the line. more: options of webhook.open.
function out:open(more)
  return self.check(webhook.open(self.store, more))
end

local function show(problem)
  if type(problem) ~= "table" then
    io.stderr:write("webhook: ", tostring(problem), "\n")
    return 1
  end
  if problem.usage then
    io.stderr:write("webhook: ", problem.usage, "\n")
    return 2
  end
  io.stderr:write("webhook: ", problem.failure, "\n")
  return 1
end

local function dispatch(words)
  local name = table.remove(words, 1)
  if not name or name == "--help" or name == "-h" or name == "help" then
    print(command.help)
    return name and 0 or 2
  elseif name == "--version" then
    print(webhook.version)
    return 0
  end
  local known = false
  for _, each in ipairs(names) do known = known or each == name end
  if not known then error { usage = ("unknown command %q; there are: %s"):format(name, table.concat(names, ", ")) } end

  local sub = require("webhook.command." .. name)
  local specification = setmetatable(sub.options or {}, { __index = common })
  local values, rest = options.read(words, specification)
  if values.help then
    print(sub.help)
    return 0
  end
  local self = setmetatable({ json = values.json, store = values.store or os.getenv "WEBHOOK_STORE" or "webhook.db" }, out)
  return sub.run(values, rest, self) or 0
end

--- Runs a command line; returns the exit code.
---@param words string[]
---@return integer
function command.main(words)
  local line = table.move(words, 1, #words, 1, {})
  local ok, result = xpcall(dispatch, function(problem)
    return type(problem) == "table" and problem or debug.traceback(tostring(problem), 2)
  end, line)
  return ok and result or show(result)
end

return command
