--- The command `webhook`: the engine for the shell. Each subcommand is a module beside this
--- one: { help = text, options = specification, words = how many it takes at most, takes = what they are: for each
--- a list, or "subscription", "event" or "delivery", whose ids complete it,
--- run = function(values, words, out), which may return an exit code of its own }.
local completion = require "webhook.command.completion"
local nearest = require "webhook.command.nearest"
local webhook = require "webhook"
local options = require "webhook.command.options"
local output = require "webhook.command.output"

local command = {}

local names = { "publish", "run", "listen", "subscriptions", "events", "deliveries", "replay", "cancel", "poll", "secret", "verify", "rule", "explain", "backtest", "serve",
  "tokens", "portal", "trigger", "doctor", "completion", "sources", "tenant", "tenant-secret", "settings", "status", "keys", "sinks" }

command.help = [[
webhook - keep subscriptions, publish events, deliver them signed and with retries

  webhook subscriptions add URL --events 'order.*'   who gets what
  webhook publish order.paid order.json              accept an event
  webhook run                                        deliver until stopped
  webhook listen --forward-to 3000                   a receiver for development
  webhook trigger github.push                        an example event, to see it arrive
  webhook deliveries --state exhausted               what became of them
  webhook replay ID                                  send again
  webhook poll ID                                    fetch what waits for a subscription that is sent nothing
  webhook cancel --subscription ID --dry-run         what waits is not sent
  webhook explain EVENT                              why did, or did not, a subscription get it?
  webhook rule run rule.lua order.json               try a rule out
  webhook backtest ID --rule rule.lua                try it on what is stored
  webhook serve                                      the HTTP API, a page in the browser, and delivering
  webhook tokens add --tenant acme                   who may use that
  webhook sources add contacts.json                  where objects are read
  webhook portal --tenant acme                       a customer's link to that page
  webhook settings --retain 365d                     how long things are kept
  webhook tenant acme --quota-events 1000000         what one tenant may store
  webhook status                                     what waits, and who fails
  webhook doctor                                     is this machine, and the store, as it should be?
  webhook keys new >keys                             a key that encrypts secrets in the store
  webhook sinks                                      what deliveries can go to
  webhook completion bash                            for shells
  webhook events | secret | verify | tenant-secret   see `webhook NAME --help`

The store is --store FILE, or $WEBHOOK_STORE, or webhook.db in this folder. What puts something
into it makes it; what only looks at it, or changes what is there, does not. Who encrypts its
secrets names the keys by --key-file FILE or $WEBHOOK_KEY_FILE.
--json speaks to scripts: one JSON document a line, {"error","code"} on standard error. Exit
code 0: done, 1: it failed, 2: the line was wrong, 3: stopped by a signal before it was done.]]

--- Every subcommand understands these.
local common = { store = "text", ["key-file"] = "text", json = "flag", help = "flag" }

local function find(name)
  for _, each in ipairs(names) do
    if each == name then return require("webhook.command." .. name:gsub("-", "_")) end
  end
  local meant = nearest(name, names)
  error { usage = ("unknown command %q; %s"):format(name, meant and ("did you mean %s?"):format(meant) or "there are: " .. table.concat(names, ", ")) }
end

local function dispatch(words)
  local name = table.remove(words, 1)
  if not name or name == "--help" or name == "-h" or name == "help" then
    print(words[1] and find(words[1]).help or command.help)
    return name and 0 or 2
  elseif name == "complete" then
    return completion.complete(words, names, find, common)
  elseif name == "--version" then
    print(("%s (%s)"):format(webhook.version, table.concat(webhook.features().sinks, ", ")))
    return 0
  end
  local sub = find(name)
  local values, rest = options.read(words, setmetatable(sub.options, { __index = common }), sub.words)
  if values.help then
    print(sub.help)
    return 0
  end
  local out <close> = output.new(values.json, values.store or os.getenv "WEBHOOK_STORE",
    values["key-file"] or os.getenv "WEBHOOK_KEY_FILE")
  return sub.run(values, rest, out) or 0
end

--- Tells what went wrong and returns the exit code. A text is a fault of the command, or Lua's
--- "interrupted!"; what is `bare` begins with the place of the fault.
local function complain(problem, json)
  local sentence, exit = problem, 1
  if type(problem) == "table" then
    sentence, exit = problem.usage or problem.failure, problem.usage and 2 or 1
  elseif problem:find("interrupted!", 1, true) then
    sentence, exit = "interrupted", 130
  end
  if json then
    local code = exit == 2 and "usage" or type(problem) == "table" and problem.code or nil
    io.stderr:write(webhook.encode { error = output.plain(sentence), code = math.type(code) and "io" or code }, "\n")
  else
    io.stderr:write(type(problem) == "table" and problem.bare and "" or "webhook: ", output.plain(sentence), "\n")
  end
  return exit
end

--- Runs a command line; returns the exit code.
---@param words string[]
---@return integer
function command.main(words)
  local json = false
  for _, word in ipairs(words) do json = json or word == "--json" end
  local ok, result = xpcall(dispatch, function(problem)
    return type(problem) == "table" and problem or debug.traceback(tostring(problem), 2)
  end, table.move(words, 1, #words, 1, {}))
  return ok and result or complain(result, json)
end

return command
