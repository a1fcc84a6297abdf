-- HAProxy asks nginx whether a request has a good token. Belongs in /etc/haproxy; toktab-recipes(7) shows both sides.
--
-- A good one goes on, with the headers of passed_on as nginx answered them; what the client sent under these names is
-- removed. Everything else gets nginx's refusal with its challenge, or 503 if nginx does not answer.

local url = "http://127.0.0.1:8081/auth"
local asked = { "authorization" }
local passed_on = { "x-token-id", "x-token-user" }

-- The values of a header, from HAProxy's list, which counts from 0.
local function values(headers, name)
    local list = {}
    for i = 0, headers[name] and #headers[name] or -1 do
        list[#list + 1] = headers[name][i]
    end
    return list
end

local function refuse(txn, answer)
    local refused = answer.status == 400 or answer.status == 401 or answer.status == 403
    local reply = txn:reply({ status = refused and answer.status or 503 })
    for _, challenge in ipairs(values(answer.headers or {}, "www-authenticate")) do
        reply:add_header("WWW-Authenticate", challenge)
    end
    txn:done(reply)
end

core.register_action("toktab", { "http-req" }, function(txn)
    local sent = txn.http:req_get_headers()
    local headers = { ["x-forwarded-for"] = { txn.sf:src() } }
    for _, name in ipairs(asked) do
        headers[name] = values(sent, name)
    end
    local answer = core.httpclient():get({ url = url, headers = headers, timeout = 2000 })
    if answer.status ~= 204 then
        return refuse(txn, answer)
    end
    for _, name in ipairs(passed_on) do
        txn.http:req_del_header(name)
        for _, value in ipairs(values(answer.headers, name)) do
            txn.http:req_add_header(name, value)
        end
    end
end)
