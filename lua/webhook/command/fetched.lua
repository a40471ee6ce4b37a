--- What a subscription with the URL "poll:" gets, one after the other, from the store or from a server's API.
local client = require "webhook.command.client"
local core = require "webhook.core"
local letters = require "webhook.letters"

local WAIT <const> = 1000 -- ms that one look waits for something to come: a signal is obeyed after that
local STALE <const> = 2000 -- ms
local AGAIN <const> = 2 -- seconds until a server that did not answer is asked again

--- Two places where it is kept, with the same words.
local stores, servers = {}, {}
stores.__index, servers.__index = stores, servers

function stores:subscribe(document) return self.hooks:subscribe(document) end
function stores:delete(id) return self.hooks:delete(id) end
function stores:fetch(id, cursor, wait) return self.hooks:fetch(id, { cursor = cursor, limit = 1, wait = wait }) end
function stores:close() self.hooks:close() end

function servers:subscribe(document) return self.client:ask("POST", "/v1/subscriptions", nil, document) end
function servers:delete(id) return self.client:ask("DELETE", "/v1/subscriptions/" .. client.escaped(id)) end
function servers:close() end
function servers:fetch(id, cursor, wait)
  return self.client:ask("GET", "/v1/subscriptions/" .. client.escaped(id) .. "/poll", { cursor = cursor, limit = 1, wait = wait })
end

--- Why nothing comes, where that can be seen.
function stores:hindrance()
  local stats = self.hooks:stats()
  if stats and stats.store.pending and stats.store.lag_ms > STALE then
    return "events wait to be decided: webhook run, or webhook serve, has to run on this store"
  end
end

function servers:hindrance() end

---@class webhook.command.fetched
---@field subscription string
---@field secrets? string[] of one that was made for the time of listening
local fetched = {}
fetched.__index = fetched

--- Of --subscription, or of one that is made for --events.
---@param values table
---@param out webhook.command.output
---@return webhook.command.fetched
function fetched.new(values, out)
  local asked = client.of(values)
  local place = asked and setmetatable({ client = asked }, servers) or setmetatable({ hooks = out:open_existing() }, stores)
  local self = setmetatable({ place = place, out = out, subscription = values.subscription }, fetched)
  if not values.subscription then
    local made = out.check(place:subscribe { url = "poll:", events = values.events, tenant = values.tenant, name = "webhook listen" })
    self.subscription, self.secrets, self.made = made.id, made.secrets, true
  end
  return self
end

-- The same words are said once, until something else is the case.
local function note_once(self, text)
  if text and text ~= self.told then self.out:note("%s", text) end
  self.told = text
end

-- A server that is not there now may be there soon; what it refuses it will refuse again.
local function ask(self)
  local page, message, code = self.place:fetch(self.subscription, self.cursor, WAIT)
  if page then
    note_once(self, not page.items[1] and self.place:hindrance())
    return page
  end
  if code ~= "connect" and code ~= "timeout" and code ~= "busy" then self.out.fail(message, code) end
  note_once(self, message .. "; trying again")
  core.wait_signal(AGAIN)
  return { items = {} }
end

--- The next request as it would have been sent; nil: there is none yet. It comes again until `arrived` is called.
function fetched:next()
  local page = ask(self)
  local item = page.items[1]
  if not item then return nil end
  self.behind = page.cursor
  local headers = {}
  for name, value in pairs(item.headers) do headers[letters.lower(name)] = value end
  return { method = "POST", path = "/", headers = headers, body = item.body, type = item.type, event = item.event, delivery = item.delivery }
end

--- What `next` gave last is done with: the store is told with the next question, or at the end.
function fetched:arrived()
  self.cursor = self.behind
end

--- The last one is told to have arrived; one that was made for this goes.
function fetched:__close()
  if self.made then
    self.place:delete(self.subscription)
  elseif self.cursor then
    self.place:fetch(self.subscription, self.cursor, 0)
  end
  self.place:close()
end

return fetched
