-- Running programs in specs: the command `webhook` and whatever else, with the module of the
-- build under test.
local core = require "webhook.core"

local shell = {}

local build = assert(os.getenv "WEBHOOK_BUILD", "run specs by spec/busted")

--- Where a temporary file may be; removed by shell.clean.
local files = {}
function shell.file(ending)
  local name = os.tmpname()
  os.remove(name)
  name = name .. (ending or "")
  files[#files + 1] = name
  return name
end

local started = {}

--- Ends what was started and removes what was made.
function shell.clean()
  for _, handle in ipairs(started) do handle.stop "KILL" end
  started = {}
  for _, name in ipairs(files) do
    for _, ending in ipairs { "", "-wal", "-shm" } do os.remove(name .. ending) end
  end
  files = {}
end

function shell.write(text, ending)
  local name = shell.file(ending)
  local file <close> = assert(io.open(name, "wb"))
  file:write(text)
  return name
end

-- "" for a file that a program has not made yet.
local function read(name)
  local file <close> = io.open(name, "rb")
  return file and file:read("a") or ""
end

local function pause() core.wait_signal(0.03) end

-- A process that has ended may wait long for whoever has inherited it.
local function is_alive(pid)
  local state = read("/proc/" .. pid .. "/stat"):match("^%d+ %(.*%) (%a)")
  return state ~= nil and state ~= "Z"
end

--- Runs a line of the shell; returns its exit code, what it printed, what it complained.
function shell.run(line)
  local out, err = shell.file(), shell.file()
  local _, _, code = os.execute(("unset LD_PRELOAD; ( %s ) >'%s' 2>'%s' </dev/null"):format(line, out, err))
  return code, read(out), read(err)
end

--- The line that runs the command `webhook` with these words.
function shell.webhook(words)
  return ("'%s/../spec/lua' '%s' '%s/../lua/bin/webhook' %s"):format(shell.spec, build, shell.spec, words)
end

--- Starts a program in the background; returns a handle with :output() of what it prints,
--- :stop() and :wait(), which gives its exit code, 128 and the number of a signal that killed it.
function shell.start(line)
  local out, pid, code = shell.file(), shell.file(), shell.file()
  local script = shell.write(("echo $$ >'%s'\nexec %s\n"):format(pid, line))
  os.execute(("unset LD_PRELOAD; ( sh '%s' >'%s' 2>&1 </dev/null; echo $? >'%s' ) >/dev/null 2>&1 &"):format(script, out, code))
  local handle = {}
  while not handle.pid do handle.pid = read(pid):match("(%d+)\n") end
  function handle.wait(seconds)
    local last = core.monotonic() + (seconds or 20)
    repeat
      local number = read(code):match("(%d+)\n")
      if number then return tonumber(number) end
      pause()
    until core.monotonic() > last
    error("it has not ended: " .. read(out))
  end
  function handle.signal(name) os.execute(("unset LD_PRELOAD; kill -%s %s"):format(name, handle.pid)) end
  function handle.output() return read(out) end
  function handle.wait_for(pattern, seconds)
    local last = core.monotonic() + (seconds or 20)
    while core.monotonic() < last do
      local found = read(out):match(pattern)
      if found then return found end
      pause()
    end
    error(("%q did not come in: %s"):format(pattern, read(out)))
  end
  function handle.stop(signal)
    if not is_alive(handle.pid) then return true end
    os.execute(("unset LD_PRELOAD; kill -%s %s 2>/dev/null"):format(signal or "TERM", handle.pid))
    for _ = 1, 400 do
      if not is_alive(handle.pid) then return true end
      pause()
    end
    return false
  end
  started[#started + 1] = handle
  return handle
end

shell.spec = debug.getinfo(1, "S").source:match("^@(.*)/[^/]*$")
shell.build = build
return shell
