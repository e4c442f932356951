-- wrk: POST the lines of the file BODIES, one after another, to PATHP with the key KEY (as a bearer, or in the header
-- KEY_HEADER). With UNIQUE set, "@" in a body becomes a number that is new for each request. Prints one line, RESULT {json}.
local bodies, i, n = {}, 0, 0
for line in io.lines(os.getenv("BODIES")) do bodies[#bodies + 1] = line end
local headers = { ["Content-Type"] = "application/json" }
if os.getenv("KEY_HEADER") then
  headers[os.getenv("KEY_HEADER")] = os.getenv("KEY")
else
  headers["Authorization"] = "Bearer " .. os.getenv("KEY")
end
if os.getenv("PREFER") then headers["Prefer"] = os.getenv("PREFER") end
local path, unique = os.getenv("PATHP"), os.getenv("UNIQUE")
local started = os.time()

request = function()
  i = i % #bodies + 1
  n = n + 1
  local body = bodies[i]
  if unique then body = body:gsub("@", started .. "-" .. n) end
  return wrk.format("POST", path, headers, body)
end

done = function(summary, latency, _)
  local e = summary.errors
  io.write(string.format(
    'RESULT {"perSecond":%.1f,"p50":%.3f,"p99":%.3f,"max":%.3f,"requests":%d,"refused":%d,"broken":%d}\n',
    summary.requests / (summary.duration / 1e6), latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    latency.max / 1000, summary.requests, e.status, e.connect + e.read + e.write + e.timeout))
end
