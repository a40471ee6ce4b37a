-- GitHub: only pushes to the default branch, in the few words that a deployment needs.
--
--   hooks:subscribe {
--     url = "https://deploy.example.com/start",
--     events = { "github.push" },
--     order = "key",
--     rule = <this file>,
--   }
--
-- The key keeps the pushes to one repository in order. A push that deletes the branch starts
-- nothing.

local repository = payload.repository
if payload.ref ~= "refs/heads/" .. repository.default_branch or payload.deleted then return false end

return {
  repository = repository.full_name,
  commit = payload.after,
  before = payload.before,
  forced = payload.forced,
  by = payload.pusher.name,
  commits = #payload.commits,
}, { key = repository.full_name }
