-- run.lua BUILD [PAGE...] - what the documentation shows works. Each page is a session in a folder of its
-- own: its code runs from top to bottom, against the module and the libraries of a build tree.
--
--   sh           lines of the shell, all of a page in one shell; what stands there with "&" is ended at the end
--   lua          a program; blocks that follow each other are one program
--   lua rule     a rule: it compiles. With "json payload" and "json result" behind it that is what becomes of
--                that; "text outcome" is the word where nothing is sent
--   sql          run on orders.db
--   c            a program
--   text         lines that must be in what the page printed; "…" stands for anything
--
-- A comment "<!-- sh", "<!-- lua" … "-->" is run and not shown. "<!-- tested by FILE: WORD -->" before code
-- says where else it is tested: FILE must have WORD, and so must the code. "<!-- by hand: REASON -->" is for
-- what takes long, or changes the machine: the scripts of the tree that it names must be there. Ports 8080
-- to 8082 become free ones.
local webhook = require "webhook"
local core = require "webhook.core"
local here = arg[0]:match "^(.*)/[^/]*$" or "."
package.path = here .. "/?.lua;" .. package.path
local markdown = require "markdown"

local function output_of(line)
  local pipe <close> = assert(io.popen(line))
  return (pipe:read "a":gsub("%s+$", ""))
end

local root = output_of(("cd '%s/../..' && pwd"):format(here))
local build = output_of(("cd '%s' && pwd"):format(assert(arg[1], "run.lua BUILD [PAGE...]")))
local LIMIT <const> = 200 -- seconds for a page

local function read(name)
  local file <close> = io.open(name, "rb")
  return file and file:read "a"
end

-- A file, or a folder.
local function exists(name)
  local file <close> = io.open(name, "rb")
  return file ~= nil
end

local function write(name, text)
  local file <close> = assert(io.open(name, "wb"))
  file:write(text)
end

local function free_port()
  local listener = assert(core.listener(0))
  local port = listener:port()
  listener:close()
  return tostring(port)
end

local function fail(block, format, ...)
  error(("line %d: %s"):format(block.line, format:format(...)), 0)
end

-- What a page's blocks run in: the programs of the build, and the tree as a clone has it.
local HEAD <const> = [[
set -euo pipefail
root='%s' build='%s'
cd '%s'
mkdir bin
for name in core examples lua rockspec spec CMakeLists.txt README.md; do ln -s "$root/$name" "$name"; done
mkdir build
ln -s "$build" build/plain
printf '#!/bin/sh\nexec "%%s/spec/lua" "%%s" "%%s/lua/bin/webhook" "$@"\n' "$root" "$build" "$root" >bin/webhook
chmod +x bin/webhook
export PATH=$PWD/bin:$PATH
export LUA_PATH="$build/lua/?.lua;$build/lua/?/init.lua;;" LUA_CPATH="$build/lua/?.so;;"
set -m
at=0
finish() {
    local code=$? job
    for job in $(jobs -p); do kill -KILL -- "-$job" 2>/dev/null || true; done
    [ $code = 0 ] || echo "the code that begins in line $at failed ($code)"
}
trap finish EXIT
answers() {
    for _ in $(seq 200); do (: >"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return; sleep 0.05; done
    echo "nobody listens on $1"
    return 1
}
program() {
    cc -std=c11 -Wall -Wextra -Werror -I "$root/core/include" -I "$root/lua/rule" "$1.c" -o "./$1" \
        $(ls "$build"/libwebhook_http.a 2>/dev/null) "$build/libwebhook_rule.a" "$build/libwebhook.a" \
        $(pkg-config --libs $(ls "$build"/libwebhook_http.a >/dev/null 2>&1 && echo libmicrohttpd) \
        $(nm "$build/libwebhook.a" 2>/dev/null | grep -c PQfinish >/dev/null && echo libpq) \
        $(nm "$build/libwebhook.a" 2>/dev/null | grep -c mysql_close >/dev/null && echo libmariadb) \
        $(nm "$build/libwebhook.a" 2>/dev/null | grep -c redisReaderCreate >/dev/null && echo hiredis) \
        $(nm "$build/libwebhook.a" 2>/dev/null | grep -c amqp_new_connection >/dev/null && echo librabbitmq) \
        $(nm "$build/libwebhook.a" 2>/dev/null | grep -c rd_kafka_new >/dev/null && echo rdkafka) lua5.4 libcurl libssl libcrypto sqlite3 zlib) \
        -lm -pthread
    "./$1"
}
]]

local runs = {
  sh = function(script, _, _, text)
    for line in text:gmatch "(.-)\n" do
      script[#script + 1] = line
      local port = line:match "%-%-port (%d+).*&%s*$" or line:match "%-%-port (%d+).*&%s+#"
      if port then script[#script + 1] = "answers " .. port end
    end
  end,
  lua = function(script, block, folder, text)
    write(("%s/page_%d.lua"):format(folder, block.line), text)
    script[#script + 1] = ("lua5.4 page_%d.lua"):format(block.line)
  end,
  sql = function(script, block, folder, text)
    write(("%s/page_%d.sql"):format(folder, block.line), text)
    script[#script + 1] = ("sqlite3 orders.db <page_%d.sql"):format(block.line)
  end,
  c = function(script, block, folder, text)
    write(("%s/page_%d.c"):format(folder, block.line), text)
    script[#script + 1] = ("program page_%d"):format(block.line)
  end,
}

-- Programs that follow each other are one, so that a page can go on with what it had.
local function join(blocks)
  local joined = {}
  for _, block in ipairs(blocks) do
    local last = joined[#joined]
    if block.words == "lua" and last and last.words == "lua" then
      last.text = last.text .. block.text
    else
      joined[#joined + 1] = block
    end
  end
  return joined
end

-- Two values of JSON, whatever order their members have.
local function same(a, b)
  return webhook.encode(webhook.decode(a)) == webhook.encode(webhook.decode(b))
end

-- A line of the page as a pattern.
local function pattern_of(line)
  return (line:gsub("%s+$", ""):gsub("[%^%$%(%)%%%.%[%]%*%+%-%?]", "%%%0"):gsub("…", "[^\n]*"):gsub("%s+", "%%s+"))
end

-- A rule, and what stands behind it; returns how many blocks that were.
local function try_rule(blocks, at)
  local block = blocks[at]
  local ok, message = webhook.rule.check(block.text)
  if not ok then fail(block, "%s", message) end
  local payload, expected = blocks[at + 1], blocks[at + 2]
  if not payload or payload.words ~= "json payload" then return 1 end
  local document = { rule = block.text, metadata = { region = "eu" }, secrets = { "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" } }
  local result = assert(webhook.rule.try(document, webhook.raw(payload.text), { type = "order.paid", key = "7" }))
  if expected and expected.words == "json result" then
    if not result.body then fail(block, "%s: %s", result.outcome, result.message or "") end
    if not same(result.body, expected.text) then fail(expected, "the rule gives %s", result.body) end
    return 3
  elseif expected and expected.words == "text outcome" then
    local told = result.message or result.outcome
    if not told:find("^" .. pattern_of(expected.text) .. "$") then fail(expected, "the rule gives %s", told) end
    return 3
  end
  fail(block, "nothing says what becomes of the payload")
end

-- Code that is tested elsewhere: that place is there, and is about this code.
local function check_elsewhere(block)
  local file, word = block.tested:match "^(%S+): (.+)$"
  local text = file and read(root .. "/" .. file)
  if not text then fail(block, "it is said to be tested by %s, which is not there", block.tested) end
  if not text:find(word, 1, true) then fail(block, "%s has no %q", file, word) end
  if not block.text:find(word, 1, true) then fail(block, "the code has no %q", word) end
end

-- Code for the hand: the files, the options of CMake and the targets that it names are there.
local function check_by_hand(block)
  for option in block.text:gmatch "%-D(WEBHOOK_[%u_]+)" do
    if not os.execute(("grep -rqw %s '%s/CMakeLists.txt' '%s/core/cmake'"):format(option, root, root)) then
      fail(block, "there is no %s", option)
    end
  end
  for target in block.text:gmatch "%-%-target ([%w_]+)" do
    local found = output_of(("cd '%s' && find core lua -name '%s.c'"):format(root, target))
    if found == "" then fail(block, "there is no %s", target) end
  end
  for name in block.text:gmatch "[%w_./-]+" do
    local folder = name:match "^(%l+)/"
    if folder == "core" or folder == "lua" or folder == "spec" or folder == "examples" then
      if not exists(root .. "/" .. name) then fail(block, "there is no %s", name) end
    end
  end
end

-- The script of a page, and the blocks whose lines it must have printed.
local function script_of(page, folder)
  local script, expected = { HEAD:format(root, build, folder) }, {}
  local blocks, at = join(page.blocks), 1
  local ports = { ["8080"] = free_port(), ["8081"] = free_port(), ["8082"] = free_port() }
  while at <= #blocks do
    local block = blocks[at]
    local text = block.text:gsub("%f[%d]808[012]%f[%D]", ports)
    if block.tested then
      check_elsewhere(block)
    elseif block.by_hand then
      check_by_hand(block)
    elseif block.words == "lua rule" then
      at = at + try_rule(blocks, at) - 1
    elseif block.words == "text" then
      expected[#expected + 1] = { line = block.line, text = text }
    elseif runs[block.words] then
      script[#script + 1] = ("at=%d"):format(block.line)
      runs[block.words](script, block, folder, text)
    else
      fail(block, "%q is no code that is run", block.words)
    end
    at = at + 1
  end
  script[#script + 1] = "sleep 0.2\n" -- for what is printed in the background
  return table.concat(script, "\n"), expected
end

local function check_output(expected, output)
  for _, block in ipairs(expected) do
    for line in block.text:gmatch "[^\n]+" do
      if not output:find(pattern_of(line)) then fail(block, "%q was not printed", line) end
    end
  end
end

-- Code that is no block is code that nobody runs.
local function check_prose(page)
  for _, line in ipairs(page.prose) do
    if line.text:find "^    %S" then fail(line, "code without a fence") end
  end
end

-- What is named in the middle of a sentence: `webhook run --threads 2`, `hooks:replay(id)`,
-- `webhook.verify`, `wh_open`, `/v1/events`.
local openapi = assert(read(root .. "/core/src/faces/openapi.json"))
local headers = output_of(("cat '%s'/core/include/*.h '%s'/lua/rule/webhook_rule.h"):format(root, root))
local common_options = { store = true, json = true, help = true, version = true }

local function check_command(line, words)
  local name = words:match "^webhook (%l[%l-]*)"
  if not name then return end
  local known, sub = pcall(require, "webhook.command." .. name:gsub("-", "_"))
  if not known then fail(line, "there is no command %q", name) end
  for option in words:gmatch "%-%-([%w-]+)" do
    local positive = option:gsub("^no%-", "")
    if not (sub.options[option] or sub.options[positive] or common_options[option]) then
      fail(line, "webhook %s has no --%s", name, option)
    end
  end
end

local function check_span(line, text)
  check_command(line, text)
  for name in text:gmatch "%f[%w]hooks:([%l_]+)" do
    if not core.engine[name] then fail(line, "an engine has no %s", name) end
  end
  for name in text:gmatch "%f[%w]webhook%.([%l_]+)%f[^%w_.]" do
    local is_other = name == "delivery" or name == "subscription" or name == "core" or name == "h" or name == "limits"
    if not is_other and webhook[name] == nil then fail(line, "the module has no %s", name) end
  end
  for name in text:gmatch "%f[%w_][wW][hH]_[%w_]+" do
    if not headers:find(name, 1, true) then fail(line, "no header has %s", name) end
  end
  local path = text:match "^%u*%s*(/%l[%w/_{}.?=]*)$"
  local first = path and path:match "^/(%l+%d?)"
  if first and openapi:find(('"/%s'):format(first), 1, true) and not openapi:find(('"' .. path:gsub("%?.*", "")), 1, true) then
    fail(line, "there is no route %s", path)
  end
end

local function check_spans(page)
  for _, line in ipairs(page.prose) do
    for text in line.text:gmatch "`([^`]+)`" do check_span(line, text) end
  end
end

local function run_page(name, folder)
  local page = markdown.read(root .. "/" .. name)
  check_prose(page)
  check_spans(page)
  local script, expected = script_of(page, folder)
  write(folder .. "/page.sh", script)
  local ok = os.execute(("timeout -k 5 %d bash '%s/page.sh' >'%s/output' 2>&1 </dev/null"):format(LIMIT, folder, folder))
  local output = read(folder .. "/output")
  if not ok then error("it fails:\n" .. output, 0) end
  local held, message = pcall(check_output, expected, output)
  if not held then error(message .. "\n" .. output, 0) end
end

local names = #arg > 1 and table.move(arg, 2, #arg, 1, {}) or markdown.pages(root)
local failed = 0
for _, name in ipairs(names) do
  local folder = output_of "mktemp -d"
  local ok, message = pcall(run_page, name, folder)
  print(("%-28s %s"):format(name, ok and "works" or message))
  failed = failed + (ok and 0 or 1)
  os.execute(("rm -rf '%s'"):format(folder))
end
os.exit(failed == 0)
