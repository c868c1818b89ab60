#!/usr/bin/env python3
"""Deterministic ERP event generator.

  gen_erp.py --out FOLDER [--n 1000000] [--seed 42] [--no-jsonl]

Writes  <out>/erp.bin    repeated [u32le key_len][key][u32le value_len][value]
        <out>/erp.jsonl  one value per line, unless --no-jsonl
        <out>/erp.meta.json  counts, size quantiles, sha256 of both files; written last, so that it vouches for the others
Only random.random()/getrandbits() are used, so output depends on the seed alone.
"""
import argparse, bisect, hashlib, itertools, json, os, random, struct, time

ap = argparse.ArgumentParser()
ap.add_argument("--n", type=int, default=1_000_000)
ap.add_argument("--seed", type=int, default=42)
ap.add_argument("--customers", type=int, default=50_000)
ap.add_argument("--zipf", type=float, default=1.0)
ap.add_argument("--out", required=True)
ap.add_argument("--no-jsonl", action="store_true")
A = ap.parse_args()
rng = random.Random(A.seed)
r = rng.random
bits = rng.getrandbits
def pick(seq): return seq[int(r() * len(seq))]

FIRST = "Anna Luca Marek Ines Olga Jonas Priya Wei Tomas Elif Noah Greta Hugo Sara Ivan Mina".split()
LAST = "Novak Rossi Schmidt Dubois Kowalski Silva Jensen Patel Chen Yilmaz Andersson Moreau Horvat Meier".split()
FORM = "GmbH,Ltd,S.A.,AG,B.V.,s.r.o.,Inc,Oy".split(",")
TRADE = "Metalworks Foods Logistics Textiles Medical Electronics Building Plastics Optics Automotive Paper Marine".split()
STREET = "Hauptstrasse,Rue de la Gare,Via Roma,High Street,Industrieweg,Nadrazni,Calle Mayor,Storgatan,Dockside Road,Mill Lane".split(",")
CITY = [("Berlin","DE"),("Lyon","FR"),("Milano","IT"),("Leeds","GB"),("Utrecht","NL"),("Brno","CZ"),("Sevilla","ES"),("Malmo","SE"),("Gdansk","PL"),("Linz","AT")]
CUR = {"GB":"GBP","CZ":"CZK","SE":"SEK","PL":"PLN"}
NOUN = "bolt,washer,bearing,gasket,valve,cable,sensor,bracket,filter,hose,relay,pump,fuse,coupling,label roll,carton".split(",")
ADJ = "zinc plated,stainless A2,brass,nylon,high pressure,shielded,industrial,food grade,sealed,heavy duty".split(",")
WH = ["WH-BER-1","WH-LYO-2","WH-MIL-1","WH-LDS-3","WH-BRN-1"]
CARRIER = ["DHL","DPD","UPS","GLS","FEDEX","DSV"]
REASON = ["RECEIPT","PICK","CYCLE_COUNT","RETURN","SCRAP","TRANSFER_IN","TRANSFER_OUT"]
TERMS = ["NET30","NET14","NET60","PREPAID"]
CHANNEL = ["web","edi","sales-rep","phone"]

def customer(i):
    city, cc = pick(CITY)
    name = f"{pick(LAST)} {pick(TRADE)} {pick(FORM)}"
    addr = (f'{{"name":"{name}","contact":"{pick(FIRST)} {pick(LAST)}","street":"{pick(STREET)} {1+int(r()*240)}",'
            f'"postal_code":"{10000+int(r()*89999)}","city":"{city}","country":"{cc}"}}')
    return f"C{i:06d}", addr, CUR.get(cc, "EUR"), pick(TERMS)
cust = [customer(i) for i in range(A.customers)]
order_of_rank = [i for _, i in sorted((r(), i) for i in range(A.customers))]
cum = list(itertools.accumulate(1.0 / (k + 1) ** A.zipf for k in range(A.customers)))
total_w = cum[-1]
def pick_customer(): return cust[order_of_rank[bisect.bisect_left(cum, r() * total_w)]]
skus = [(f"SKU-{100+i%900}-{10000+i*7}", f"{pick(NOUN)} M{2+int(r()*30)}x{5+int(r()*200)} {pick(ADJ)}", round(0.05+r()**4*900, 2)) for i in range(12_000)]

t_ms = 1_767_225_600_000                       # 2026-01-01T00:00:00Z
def iso(ms):
    s, m = divmod(ms, 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(s)) + f".{m:03d}Z"
def head(kind, seq, c):
    x = f"{bits(128):032x}"
    return (f'{{"event_id":"{x[:8]}-{x[8:12]}-{x[12:16]}-{x[16:20]}-{x[20:]}","type":"{kind}","schema":1,'
            f'"occurred_at":"{iso(t_ms)}","seq":{seq},"tenant":"acme-eu","customer_id":"{c[0]}",')

recent, order_no = [], 4_000_000
def order_created(seq):
    global order_no
    order_no += 1
    c = pick_customer()
    n = 1
    while n < 11 and r() < 0.72: n += 1
    lines, net = [], 0.0
    for i in range(n):
        s = skus[int(r() ** 2 * len(skus))]
        q = 1 + int(r() ** 3 * 200)
        d = pick((0, 0, 0, 5, 10))
        net += q * s[2] * (100 - d) / 100
        lines.append(f'{{"line":{i+1},"sku":"{s[0]}","description":"{s[1]}","qty":{q},"unit_price":{s[2]:.2f},"discount_pct":{d}}}')
    oid = f"SO-2026-{order_no:08d}"
    o = (oid, c, net, n)
    if len(recent) < 5000: recent.append(o)
    else: recent[int(r() * 5000)] = o
    return c[0], head("order.created", seq, c) + (
        f'"order_id":"{oid}","channel":"{pick(CHANNEL)}","currency":"{c[2]}","payment_terms":"{c[3]}","lines":[{",".join(lines)}],'
        f'"total_net":{net:.2f},"total_tax":{net*0.2:.2f},"total_gross":{net*1.2:.2f},"ship_to":{c[1]}}}')
def inventory_adjusted(seq):
    c = pick_customer()
    s = skus[int(r() ** 2 * len(skus))]
    d = int(r() * 400) - 200
    return c[0], head("inventory.adjusted", seq, c) + (
        f'"warehouse":"{pick(WH)}","bin":"{chr(65+int(r()*20))}{int(r()*99):02d}-{int(r()*40):02d}","sku":"{s[0]}",'
        f'"delta":{d},"on_hand":{abs(d)+int(r()*5000)},"reason":"{pick(REASON)}","user":"{pick(FIRST).lower()}.{pick(LAST).lower()}"}}')
def invoice_issued(seq):
    oid, c, net, n = pick(recent)
    return c[0], head("invoice.issued", seq, c) + (
        f'"invoice_id":"INV-2026-{int(r()*1e8):08d}","order_id":"{oid}","currency":"{c[2]}","line_count":{n},'
        f'"net":{net:.2f},"tax":[{{"code":"V20","rate":20.0,"base":{net:.2f},"amount":{net*0.2:.2f}}}],"gross":{net*1.2:.2f},'
        f'"due_on":"{iso(t_ms + 86_400_000*30)[:10]}","terms":"{c[3]}","bill_to":{c[1]},"pdf":"s3://erp-docs/inv/{bits(64):016x}.pdf"}}')
def shipment_dispatched(seq):
    oid, c, net, n = pick(recent)
    parcels = ",".join(f'{{"tracking":"{1000000000+int(r()*8999999999)}","weight_kg":{0.2+r()*30:.2f},"dims_cm":[{10+int(r()*80)},{10+int(r()*60)},{5+int(r()*50)}]}}'
                       for _ in range(1 + int(r() * min(n, 5))))
    return c[0], head("shipment.dispatched", seq, c) + (
        f'"shipment_id":"SH-{int(r()*1e9):09d}","order_id":"{oid}","warehouse":"{pick(WH)}","carrier":"{pick(CARRIER)}",'
        f'"service":"{pick(("STD","EXP","ECO"))}","parcels":[{parcels}],"deliver_to":{c[1]}}}')

os.makedirs(A.out, exist_ok=True)
hb, hj, sizes = hashlib.sha256(), hashlib.sha256(), []
kinds = {}
with open(f"{A.out}/erp.bin", "wb") as fb, open(os.devnull if A.no_jsonl else f"{A.out}/erp.jsonl", "wb") as fj:
    bufb, bufj = [], []
    for seq in range(A.n):
        t_ms += int(r() * 60)
        u = r()
        f = (order_created if u < 0.38 or not recent else inventory_adjusted if u < 0.64
             else invoice_issued if u < 0.82 else shipment_dispatched)
        k, v = f(seq)
        k, v = k.encode(), v.encode()
        sizes.append(len(v)); kinds[f.__name__] = kinds.get(f.__name__, 0) + 1
        bufb += (struct.pack("<I", len(k)), k, struct.pack("<I", len(v)), v)
        bufj += (v, b"\n")
        if seq % 5000 == 4999 or seq == A.n - 1:
            b, j = b"".join(bufb), b"".join(bufj)
            fb.write(b); fj.write(j); hb.update(b); hj.update(j); bufb, bufj = [], []
s = sorted(sizes)
meta = dict(n=A.n, seed=A.seed, value_bytes=sum(s), mean=round(sum(s)/A.n, 1), min=s[0], p10=s[A.n//10], p50=s[A.n//2],
            p90=s[A.n*9//10], p99=s[A.n*99//100], max=s[-1], kinds=kinds, sha256_bin=hb.hexdigest(), sha256_jsonl=hj.hexdigest())
with open(f"{A.out}/erp.meta.json", "w") as fm: json.dump(meta, fm, indent=1)
print(json.dumps(meta, indent=1))
