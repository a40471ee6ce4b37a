-- bench_poll.lua - the yardstick of bench_poll: pages of objects are decoded by lua-cjson, and an object is a change where
-- its time is not the one in a table of ids, a table for each source. It is told the pages, a line each.
local cjson = require "cjson"

local SOURCES <const> = 100
local pages, seen = {}, {}

local function read(times)
  local changes = 0
  for i = 1, SOURCES do
    seen[i] = seen[i] or {}
    local known = seen[i]
    for _, page in ipairs(pages) do
      for _, object in ipairs(cjson.decode(page)) do
        local id = object.id
        if known[id] ~= object.updated_at then
          known[id] = object.updated_at
          changes = changes + 1
        end
      end
    end
  end
  return changes / times
end

io.stdout:setvbuf "line"
for line in io.lines() do
  if line == "hello" then
    print(1)
  elseif line == "begin" then
    print(read(SOURCES))
  elseif line == "read" then
    local start = os.clock()
    assert(read(1) == 0)
    print(os.clock() - start)
  else
    pages[#pages + 1] = line
  end
end
