local webhook = require "webhook"

local keys = { words = 2 }

keys.options = {}

keys.help = [[
webhook keys new [ID] | webhook keys rotate - keys that encrypt what is secret in the store

  (umask 077; webhook keys new >keys)   a new key: one line, its id (or the day) and 32 bytes
  webhook serve --key-file keys         from now on each secret that is written is encrypted
  webhook keys rotate --key-file keys   those too that are there; says how many rows it wrote

--key-file FILE, or $WEBHOOK_KEY_FILE, is for all commands: who lacks a key that the store has is
refused. The first key of the file encrypts, each opens. To replace a key put a new one behind
it, and open each process again; then put it in front, and open each again; rotate; and take the
old one out. Without its key nobody gets a secret back.]]

local function new(words, out)
  local line = out.check(webhook.store_key(words[2]))
  local id, key = line:match "^([^ ]+) ([^ ]+)$"
  if out.json then return out:item { id = id, key = key } end
  print(line)
end

local function rotate(words, out)
  if words[2] then error { usage = ("unexpected word %q"):format(words[2]) } end
  if not out.key_file then error { usage = "keys rotate expects --key-file FILE or $WEBHOOK_KEY_FILE" } end
  local hooks <close> = out:open_existing()
  out:item({ encrypted = out.check(hooks:rotate_key()) }, { "encrypted" })
end

local verbs = { new = new, rotate = rotate }

function keys.run(_, words, out)
  local verb = verbs[words[1] or ""]
  if not verb then error { usage = "keys expects new or rotate; see webhook keys --help" } end
  verb(words, out)
end

return keys
