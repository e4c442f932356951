#include "realtime.h"

static const struct net_header cors[] = {
    {STR("Access-Control-Allow-Origin"), STR("*")},
};

static const struct net_header preflight[] = {
    {STR("Access-Control-Allow-Origin"), STR("*")},
    {STR("Access-Control-Allow-Methods"), STR("GET, POST")},
    {STR("Access-Control-Allow-Headers"), STR("*")},
};

bool realtime_request(struct net_req **r, struct str path)
{
    const bool engine = str_is(path, "/engine.io/");
    if (str_is(path, "/bcast")) {
        sockets_broadcast(r);
    } else if (!engine && !str_is(path, "/socket.io/")) {
        return false;
    } else if (str_is(net_req_method(*r), "OPTIONS")) {
        net_reply(r, 204, preflight, COUNT(preflight), NULL);
    } else if (engine) {
        engine_request(r, cors, COUNT(cors));
    } else {
        sockets_request(r, cors, COUNT(cors));
    }
    return true;
}
