/* The math library of a rule.
 *
 * Our own, so that it is the same in every version of Lua: numbers only, since reading a
 * text as a number takes as long as the text is and differs between versions. Each is a
 * few instructions, exact or rounded as IEEE 754 says. */
#include <math.h>

#include "rule_state.h"

double whi_rule_check_number(lua_State *L, int index) {
    if (lua_type(L, index) != LUA_TNUMBER) {
        whi_rule_wrong_type(L, index, "number");
    }
    return lua_tonumber(L, index);
}

lua_Integer whi_rule_check_integer(lua_State *L, int index) {
    int integral;
    lua_Integer integer;

    whi_rule_check_number(L, index);
    integer = lua_tointegerx(L, index, &integral);
    luaL_argcheck(L, integral, index, "number has no integer representation");
    return integer;
}

lua_Integer whi_rule_opt_integer(lua_State *L, int index, lua_Integer otherwise) {
    return lua_isnoneornil(L, index) ? otherwise : whi_rule_check_integer(L, index);
}

/* As an integer where it is one of 64 bits. */
static int push_whole(lua_State *L, double number) {
    lua_Integer integer;
    int integral;

    lua_pushnumber(L, number);
    integer = lua_tointegerx(L, -1, &integral);
    if (integral) {
        lua_pushinteger(L, integer);
    }
    return 1;
}

static int math_abs(lua_State *L) {
    double number = whi_rule_check_number(L, 1);

    if (lua_isinteger(L, 1)) {
        lua_Integer integer = lua_tointeger(L, 1);
        lua_pushinteger(L, integer < 0 ? (lua_Integer)(0u - (lua_Unsigned)integer) : integer);
    } else {
        lua_pushnumber(L, fabs(number));
    }
    return 1;
}

static int math_ceil(lua_State *L) {
    double number = whi_rule_check_number(L, 1);

    lua_settop(L, 1);
    return lua_isinteger(L, 1) ? 1 : push_whole(L, ceil(number));
}

static int math_floor(lua_State *L) {
    double number = whi_rule_check_number(L, 1);

    lua_settop(L, 1);
    return lua_isinteger(L, 1) ? 1 : push_whole(L, floor(number));
}

static int math_fmod(lua_State *L) {
    double number = whi_rule_check_number(L, 1), divisor = whi_rule_check_number(L, 2);

    if (!lua_isinteger(L, 1) || !lua_isinteger(L, 2)) {
        lua_pushnumber(L, fmod(number, divisor));
        return 1;
    }
    luaL_argcheck(L, lua_tointeger(L, 2) != 0, 2, "zero");
    /* C leaves the smallest integer modulo -1 undefined */
    lua_pushinteger(L, lua_tointeger(L, 2) == -1 ? 0 : lua_tointeger(L, 1) % lua_tointeger(L, 2));
    return 1;
}

/* The first argument that none comes before, or after. */
static int extreme(lua_State *L, int largest) {
    int top = lua_gettop(L), best = 1;

    whi_rule_check_number(L, 1);
    whi_rule_charge(L, (size_t)top);
    for (int i = 2; i <= top; i++) {
        whi_rule_check_number(L, i);
        if (largest ? lua_compare(L, best, i, LUA_OPLT) : lua_compare(L, i, best, LUA_OPLT)) {
            best = i;
        }
    }
    lua_pushvalue(L, best);
    return 1;
}

static int math_max(lua_State *L) {
    return extreme(L, 1);
}

static int math_min(lua_State *L) {
    return extreme(L, 0);
}

static int math_modf(lua_State *L) {
    double number = whi_rule_check_number(L, 1), whole = trunc(number);

    if (lua_isinteger(L, 1)) {
        lua_settop(L, 1);
        lua_pushnumber(L, 0);
        return 2;
    }
    push_whole(L, whole);
    lua_pushnumber(L, number == whole ? 0.0 : number - whole); /* 0 for infinity, nan for nan */
    return 2;
}

static int math_sqrt(lua_State *L) {
    lua_pushnumber(L, sqrt(whi_rule_check_number(L, 1)));
    return 1;
}

static int math_tointeger(lua_State *L) {
    int integral = 0;
    lua_Integer integer = 0;

    luaL_checkany(L, 1);
    if (lua_type(L, 1) == LUA_TNUMBER) {
        integer = lua_tointegerx(L, 1, &integral);
    }
    if (integral) {
        lua_pushinteger(L, integer);
    } else {
        lua_pushnil(L);
    }
    return 1;
}

static int math_type(lua_State *L) {
    luaL_checkany(L, 1);
    if (lua_type(L, 1) != LUA_TNUMBER) {
        lua_pushnil(L);
    } else {
        lua_pushstring(L, lua_isinteger(L, 1) ? "integer" : "float");
    }
    return 1;
}

static int math_ult(lua_State *L) {
    lua_Unsigned a = (lua_Unsigned)whi_rule_check_integer(L, 1), b = (lua_Unsigned)whi_rule_check_integer(L, 2);

    lua_pushboolean(L, a < b);
    return 1;
}

/* Kept: what prices, quantities and times need. Each is exact. */
static const luaL_Reg functions[] = {
    { "abs", math_abs },             /* the size of a difference */
    { "ceil", math_ceil },           /* rounding up */
    { "floor", math_floor },         /* rounding down */
    { "fmod", math_fmod },           /* the remainder that C and JavaScript give */
    { "max", math_max },             /* bounds */
    { "min", math_min },             /* bounds */
    { "modf", math_modf },           /* whole part and fraction */
    { "sqrt", math_sqrt },           /* correctly rounded everywhere, unlike other roots */
    { "tointeger", math_tointeger }, /* is it whole, and within 64 bits */
    { "type", math_type },           /* tells 1 from 1.0 */
    { "ult", math_ult },             /* comparison of unsigned integers */
    { NULL, NULL },
};

void whi_rule_push_math(lua_State *L) {
    lua_createtable(L, 0, 15);
    luaL_setfuncs(L, functions, 0);
    lua_pushnumber(L, 3.14159265358979323846);
    lua_setfield(L, -2, "pi"); /* a constant */
    lua_pushnumber(L, HUGE_VAL);
    lua_setfield(L, -2, "huge"); /* a bound for loops and comparisons */
    lua_pushinteger(L, LUA_MAXINTEGER);
    lua_setfield(L, -2, "maxinteger"); /* the same, for integers */
    lua_pushinteger(L, LUA_MININTEGER);
    lua_setfield(L, -2, "mininteger");
}
