local core = require "webhook.core"
local webhook = require "webhook"

local doctor = { words = 0 }

doctor.options = { ["ca-file"] = "text", bundle = "flag" }

doctor.help = [[
webhook doctor - is this machine, and the store, as it should be?

  webhook doctor
  webhook doctor --json
  webhook doctor --bundle >report.json      all that it saw, for whoever helps: no payload, URL, name or secret is in it

Looks at the store, its file, the disk, files that may be open, the clock, the resolver, certificates, and makes a
delivery to itself, on the loopback. Changes nothing. Exit code 1: something is wrong.
  --ca-file FILE   certificates that deliveries trust, if not the system's]]

local OK <const>, WARN <const>, WRONG <const> = "ok", "warning", "wrong"

-- -------------------------------------------------------------------------------- checks
-- Each gives a verdict and a sentence; what it found, for the bundle, it puts into `seen`.

local checks = {}

local function check(name, run) checks[#checks + 1] = { name = name, run = run } end

check("version", function(_, seen)
  seen.version, seen.lua, seen.sinks = webhook.version, _VERSION, webhook.features().sinks
  return OK, ("webhook %s, %s; %s"):format(webhook.version, _VERSION, table.concat(seen.sinks, ", "))
end)

-- Opening it would make its tables, or bring them to this version.
local function unopened(name)
  local version, own = core.store_version(name)
  if version == 0 then return "has no tables of webhook yet: opening it makes them" end
  return version and version < own and ("has tables of version %d: opening it brings them to %d, and an older library refuses it then"):format(version, own) or nil
end

check("store", function(out, seen)
  local why = unopened(out.store:match "^[sS][qQ][lL][iI][tT][eE]:(.*)$" or out.store)
  if why then return WARN, why end
  local ok, hooks = pcall(out.open_existing, out)
  if not ok then return WRONG, type(hooks) == "table" and hooks.failure or tostring(hooks) end
  local stats, message = hooks:stats()
  hooks:close()
  if not stats then return WRONG, message end
  local store = stats.store
  seen.store = { waiting = store.waiting, due = store.due, held = store.held, exhausted = store.exhausted, failing = store.failing,
    subscriptions = store.subscriptions, unreadable = store.unreadable, pending = store.pending, lag_ms = store.lag_ms,
    bytes = store.bytes, log_bytes = store.log_bytes }
  if store.unreadable > 0 then return WRONG, ("%d subscriptions cannot be read: no key here opens them; --key-file FILE"):format(store.unreadable) end
  if store.pending and store.lag_ms > 10000 then
    return WARN, ("events wait to be decided since %d s: webhook run, or webhook serve, has to run"):format(store.lag_ms // 1000)
  end
  return OK, ("opens; %d subscriptions, %d deliveries wait"):format(store.subscriptions, store.waiting)
end)

check("file", function(out, seen)
  local facts = core.file_facts(out.store:match "^[sS][qQ][lL][iI][tT][eE]:(.*)$" or out.store)
  if not facts then return WARN, "is not there yet" end
  seen.file = facts
  if facts.mode & 0x3f ~= 0 then
    return WARN, ("others may %s it (mode %04o), and secrets are in it: chmod 600"):format(facts.mode & 0x12 ~= 0 and "write" or "read", facts.mode)
  end
  return OK, ("its owner's alone (mode %04o)"):format(facts.mode)
end)

check("disk", function(out, seen)
  local facts = core.disk_facts(out.store:match "^(.*)/[^/]*$" or ".")
  if not facts then return WARN, "cannot be asked" end
  seen.disk = facts
  local free = ("%.1f GB are free"):format(facts.free / 1e9)
  if facts.free < 1 << 28 then return WRONG, free .. ": a full disk refuses events" end
  return facts.free < 1 << 32 and WARN or OK, free
end)

check("files", function(_, seen)
  local most = core.file_limit()
  seen.files = most
  if most < 4096 then return WARN, ("%d may be open at once: about half as many receivers are connected; LimitNOFILE=, ulimit -n"):format(most) end
  return OK, ("%d may be open at once"):format(most)
end)

check("clock", function(_, seen)
  local now, zone = os.time(), os.date "%z"
  seen.clock = { now = os.date("!%Y-%m-%dT%H:%M:%SZ", now), zone = zone }
  if now < 1764547200 then return WRONG, ("says %s: signatures with such a time are refused"):format(seen.clock.now) end -- before this was written
  return OK, "says " .. seen.clock.now
end)

check("resolver", function(_, seen)
  local addresses, message = core.resolve "localhost"
  seen.resolver = addresses or message
  if not addresses then return WARN, "localhost is not known: " .. message end
  return OK, "localhost is " .. table.concat(addresses, ", ")
end)

local CA_FILES <const> = { "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem", "/etc/ssl/ca-bundle.pem" }

check("certificates", function(_, seen, values)
  local asked = values["ca-file"]
  for _, name in ipairs(asked and { asked } or CA_FILES) do
    local file <close> = io.open(name, "rb")
    local text = file and file:read "a" or ""
    local _, count = text:gsub("%-%-%-%-%-BEGIN CERTIFICATE%-%-%-%-%-", "")
    if count > 0 then
      seen.certificates = { file = name, count = count }
      return OK, ("%d in %s"):format(count, name)
    end
  end
  return WARN, asked and asked .. ": no certificate is in it" or "no file of them was found where systems have it: receivers with https: may be refused; ca-certificates"
end)

local WAIT <const> = 5 -- seconds

-- The whole way: accept, decide, sign, send, be answered. In memory: the store is not touched.
local function deliver(server)
  local hooks <close> = assert(webhook.open(":memory:", { allow = "127.0.0.1" }))
  local made = assert(hooks:subscribe { url = ("http://127.0.0.1:%d/doctor"):format(server:port()) })
  assert(hooks:publish("doctor.test", { well = true }))
  assert(hooks:start(1))
  local request = server:next(WAIT)
  if not request then return nil, "nothing arrived within 5 s" end
  server:respond(request.connection, 204)
  local ok, message = webhook.verify(request.headers, request.body, made.secrets)
  hooks:stop(1000)
  return ok and true or nil, message
end

check("delivery", function()
  local server, message = core.listener(0)
  if not server then return WRONG, "no port of the loopback can be listened at: " .. message end
  local begun = core.monotonic()
  local ok, sent, why = pcall(deliver, server)
  server:close()
  if not ok or not sent then return WRONG, "one to this machine did not arrive: " .. tostring(ok and why or sent) end
  return OK, ("one to this machine arrived, signed, in %d ms"):format(math.floor((core.monotonic() - begun) * 1000))
end)

-- ---------------------------------------------------------------------------- the command

function doctor.run(values, _, out)
  local seen, worst = {}, OK
  out.note = function() end
  for _, each in ipairs(checks) do
    local verdict, sentence = each.run(out, seen, values)
    worst = verdict == WRONG and WRONG or worst
    seen[#seen + 1] = { check = each.name, verdict = verdict, says = not values.bundle and sentence or nil }
    if not values.bundle then out:item(seen[#seen], { "check", "verdict", "says" }) end
  end
  if values.bundle then
    local verdicts = webhook.array(table.move(seen, 1, #seen, 1, {}))
    local report = { verdicts = verdicts }
    for name, value in pairs(seen) do
      if type(name) == "string" then report[name] = value end
    end
    print(out.encode(report))
  end
  return worst == WRONG and 1 or 0
end

return doctor
