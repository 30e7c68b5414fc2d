"""The other peer of bench/api.mjs: FastAPI on uvicorn with asyncpg. Verifies the same token and reads the same rows.

DATABASE_URL, TENANT_ID and JWT_SECRET in the environment; writes {"port": …} on one line when it listens.
"""
import asyncio
import json
import os
import socket

import asyncpg
import jwt
import uvicorn
from fastapi import FastAPI, Header, HTTPException

SECRET = os.environ["JWT_SECRET"]
TENANT = os.environ["TENANT_ID"]
QUERY = """SELECT p.*, coalesce((SELECT json_agg(b ORDER BY b.created_at) FROM backends b WHERE b.pool_id = p.id), '[]') AS backends
           FROM pools p WHERE p.tenant_id = $1 AND p.name = $2"""
JSON_COLUMNS = ("json", "jsonb")

app = FastAPI()
pool: asyncpg.Pool


async def decode_json(connection):
    for kind in JSON_COLUMNS:
        await connection.set_type_codec(kind, encoder=json.dumps, decoder=json.loads, schema="pg_catalog")


@app.on_event("startup")
async def connect():
    global pool
    pool = await asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=20, max_size=20, init=decode_json)


@app.get("/api/pools/{name}")
async def read(name: str, authorization: str = Header()):
    try:
        jwt.decode(authorization[7:], SECRET, algorithms=["HS256"], issuer="veloflux", audience="veloflux-api")
    except jwt.PyJWTError:
        raise HTTPException(401)
    row = await pool.fetchrow(QUERY, TENANT, name)
    if row is None:
        raise HTTPException(404)
    return dict(row)


listener = socket.socket()
listener.bind(("127.0.0.1", 0))
server = uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False))


async def main():
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.05)
    print(json.dumps({"port": listener.getsockname()[1]}), flush=True)
    await serving


server.config.setup_event_loop()
asyncio.run(main())
