--- Completion for shells: a script that asks `webhook complete`, which knows what may stand where, ids too.
local core = require "webhook.core"
local webhook = require "webhook"

local completion = { words = 1, takes = { { "bash", "zsh", "fish" } } }

completion.options = {}

completion.help = [[
webhook completion bash | zsh | fish - a script that completes webhook's lines, ids of the store too

  source <(webhook completion bash)                  in ~/.bashrc
  source <(webhook completion zsh)                   in ~/.zshrc, behind compinit
  webhook completion fish >~/.config/fish/completions/webhook.fish]]

local scripts = {
  bash = [=[
_webhook() {
    local IFS=$'\n'
    COMPREPLY=($(webhook complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -o nosort -F _webhook webhook]=],
  zsh = [=[
#compdef webhook
_webhook() {
    local -a found
    found=("${(@f)$(webhook complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    if [[ -n $found[1] ]]; then compadd -V webhook -a found; else _files; fi
}
compdef _webhook webhook]=],
  fish = [=[
function __webhook_complete
    set -l found (webhook complete (commandline -opc)[2..] (commandline -ct) 2>/dev/null)
    if test -n "$found"
        printf '%s\n' $found
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c webhook -f -k -a '(__webhook_complete)']=],
}

function completion.run(_, words)
  local script = scripts[words[1] or ""]
  if not script then error { usage = ("completion expects bash, zsh or fish%s"):format(words[1] and ", found " .. words[1] or "") } end
  print(script)
end

-- ---------------------------------------------------------------- what may stand where

local MOST <const> = 100 -- ids

--- Values of options that have few.
local choices = {
  order = { "none", "fifo", "key", "latest" }, profile = { "standard", "unified", "truto", "callfire" },
  ["on-rule-error"] = { "hold", "skip", "send" }, transport = { "auto", "libcurl" }, compress = { "gzip" },
  ["log-format"] = { "text", "logfmt", "json" }, ["log-level"] = { "error", "warning", "info", "debug" },
  signature = { "github", "shopify", "slack", "stripe", "svix" }, create = { "full", "add", "never" },
}

local states = {
  subscriptions = { "enabled", "paused", "disabled", "healthy", "failing" },
  deliveries = { "waiting", "delivered", "exhausted", "held", "cancelled" },
}

local lists = { subscription = "subscriptions", event = "events", delivery = "deliveries" }

--- Of the store that the line so far, or the environment, names; none is made or brought to another version, and
--- nothing is said.
local function ids_of(kind, line)
  local store = os.getenv "WEBHOOK_STORE" or "webhook.db"
  for i, word in ipairs(line) do store = word:match "^%-%-store=(.+)" or line[i - 1] == "--store" and word or store end
  local version, own = core.store_version((store:gsub("^sqlite:", "")))
  if version ~= own then return {} end
  local hooks = webhook.open(store, { key_file = os.getenv "WEBHOOK_KEY_FILE" })
  local page = hooks and hooks:page(lists[kind], { limit = MOST })
  local ids = {}
  for _, each in ipairs(page and page.items or {}) do ids[#ids + 1] = each.id end
  if hooks then hooks:close() end
  return ids
end

--- What an option's value may be.
local function values_of(name, command, line)
  if name == "state" then return states[command] or states.deliveries end
  return choices[name] or lists[name] and ids_of(name, line) or {}
end

local function options_of(sub, common)
  local names = {}
  for _, part in ipairs { sub.options, common } do
    for name in pairs(part) do names[#names + 1] = "--" .. name end
  end
  table.sort(names)
  return names
end

--- How many words stand before the last one, options and their values apart; and the option whose value it is.
local function place_of(line, kinds)
  local count, i = 0, 2
  while i < #line do
    local name = line[i]:match "^%-%-([A-Za-z0-9-]+)$"
    local kind = name and kinds(name)
    if kind and kind ~= "flag" then
      if i + 1 == #line then return count, name end
      i = i + 1
    elseif line[i]:sub(1, 1) ~= "-" then
      count = count + 1
    end
    i = i + 1
  end
  return count, nil
end

local function candidates(line, names, find, common)
  local last = line[#line]
  if #line == 1 then return names end
  local ok, sub = pcall(find, line[1])
  if not ok then return {} end
  local count, option = place_of(line, function(name) return sub.options[name] or common[name] end)
  if option then return values_of(option, line[1], line) end
  if last:sub(1, 1) == "-" then return options_of(sub, common) end
  local takes = sub.takes and sub.takes[count + 1]
  return type(takes) == "table" and takes or lists[takes] and ids_of(takes, line) or {}
end

--- Prints what the last word of a line, which may be empty, can become.
---@param line string[] behind `webhook`
---@param names string[] of the subcommands
---@param find fun(name: string): table
---@param common table<string, any> options that all have
function completion.complete(line, names, find, common)
  if #line == 0 then line = { "" } end
  for _, each in ipairs(candidates(line, names, find, common)) do
    if each:sub(1, #line[#line]) == line[#line] then print(each) end
  end
  return 0
end

return completion
