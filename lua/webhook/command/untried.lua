--- Whether all that was due when a command began has been tried since. Where deliveries fail
--- faster than a worker goes round, an engine is never idle, and would be waited for without end.
---
--- Two looks, each of which is made again until it finds nothing:
---   - an event that was accepted before and not fanned out yet, or a row in the outbox;
---   - a delivery that waits and is due (or is under way), and was not tried since; or one that waits its turn in
---     an order whose first one was not tried.
--- What has been tried stays so.
local core = require "webhook.core"

---@class webhook.command.untried
---@field hooks webhook.engine
---@field start integer ms: what was accepted, or due, before. Within the second after the beginning
---@field began string the same as a text
---@field events webhook.query the page of events to look at next
---@field fanned_out? boolean none of them waits
---@field next_look number monotonic seconds
local untried = {}
untried.__index = untried

local PAGE <const> = 1000
local PAGES_CLEAN <const> = 100
local REST <const> = 10 -- the time between two looks is so many times what one takes
local LEAST <const> = 0.2 -- seconds

local function stamp(seconds) return os.date("!%Y-%m-%dT%H:%M:%S.000Z", seconds) end

---@param hooks webhook.engine
function untried.new(hooks)
  local second = os.time() + 1
  local start = second * 1000
  return setmetatable({ hooks = hooks, start = start, began = stamp(second), next_look = 0,
    events = { ["until"] = start, limit = PAGE } }, untried)
end

-- Shows the items of a list until one of them, or a signal, ends that; true if nothing did. Times
-- are compared as texts, which all have the same form.
local function walk(self, kind, state, visit)
  local query = { state = state, ["until"] = self.start, limit = PAGE }
  repeat
    local page, message, code = self.hooks:page(kind, query)
    if not page then return nil, message, code end
    for _, item in ipairs(page.items) do
      if visit(item) then return false end
    end
    query.cursor = page.next
  until not page.next or core.wait_signal(0)
  return not query.cursor
end

-- An event stays pending until each of its deliveries was tried once or has a row. What is behind
-- so many pages without one is from former times.
local function is_fanned_out(self)
  local query, clean = self.events, 0
  repeat
    local page, message, code = self.hooks:page("events", query)
    if not page then return nil, message, code end
    for _, event in ipairs(page.items) do
      if event.pending == true then return false end
    end
    query.cursor, clean = page.next, clean + 1
  until not page.next or clean == PAGES_CLEAN or core.wait_signal(0)
  return not core.wait_signal(0)
end

-- A paused or disabled subscription keeps what it has.
local function is_at_rest(self, known, id)
  if known[id] == nil then
    local document = self.hooks:subscription(id)
    known[id] = not document or document.paused or document.disabled ~= nil
  end
  return known[id]
end

local function must_be_tried(self, item, now)
  if item.attempts == 0 then return item.due_at <= now end
  return item.due_at <= self.began and item.updated_at < self.began
end

-- One that waits its turn has no time. That of its order which goes before it has one.
local function all_were_tried(self)
  local now, known, orders = stamp(os.time() + 1), {}, {}
  local done, message, code = walk(self, "deliveries", "waiting", function(item)
    if is_at_rest(self, known, item.subscription) then return false end
    local order = item.subscription .. " " .. (item.key or "")
    if item.due_at then
      orders[order] = "goes on"
      return must_be_tried(self, item, now)
    end
    orders[order] = orders[order] or "waits"
  end)
  for _, state in pairs(done and orders or {}) do
    if state == "waits" then return false end
  end
  return done, message, code
end

-- Looks at what was not done the last time.
local function look(self)
  local done, message, code = true, nil, nil
  if not self.fanned_out then done, message, code = is_fanned_out(self) end
  self.fanned_out = done
  if done then return all_were_tried(self) end
  return done, message, code
end

--- True when nothing is untried any more. May be called as often as one likes: looks now and then.
---@param outbox_is_empty boolean whether it was, at some time since the beginning
---@return boolean? done, string? message, webhook.code? code
function untried:is_over(outbox_is_empty)
  local now = core.monotonic()
  if not outbox_is_empty or now < self.next_look then return false end
  local done, message, code = look(self)
  local after = core.monotonic()
  self.next_look = after + math.max(LEAST, REST * (after - now))
  return done, message, code
end

return untried
