/*
 * names.c
 *		Made-up people: ids that follow from (seed, number) and Japanese names that follow from the id.
 *
 * The same pair gives the same person in the server (--friends, --seed) and in the webhook generator, so that the
 *people who write to the CRM are the ones the sandbox knows.
 */
#include "state.h"

#include <stdio.h>
#include <string.h>

static const char *const family[] = {"佐藤", "鈴木", "高橋", "田中", "伊藤",   "渡辺", "山本",   "中村",
                                     "小林", "加藤", "吉田", "山田", "佐々木", "山口", "松本",   "井上",
                                     "木村", "林",   "斎藤", "清水", "髙﨑",   "𠮷野", "長谷川", "近藤"};
static const char *const given[] = {"陽菜", "蓮",   "結衣", "湊",   "さくら", "悠真",    "美咲", "大翔",
                                    "葵",   "樹",   "凛",   "颯太", "ひまり", "健太",    "花子", "太郎",
                                    "愛莉", "直樹", "香織", "誠",   "ユキ",   "あかり🌸", "ケン", "真由美"};

void
made_line_id(uint64_t seed, uint64_t number, uint8_t key[LINE_ID_KEY])
{
	char text[64];
	uint8_t sha[32];
	int n = snprintf(text, sizeof(text), "sandbox:%llu:%llu", (unsigned long long) seed, (unsigned long long) number);

	sha256(text, (size_t) n, sha);
	key[0] = 'U';
	memcpy(key + 1, sha, 16);
}

const char *
made_name(const uint8_t *key, char out[64])
{
	size_t f = key[1] % (sizeof(family) / sizeof(family[0]));
	size_t g = key[2] % (sizeof(given) / sizeof(given[0]));

	snprintf(out, 64, "%s %s", family[f], given[g]);
	return out;
}
