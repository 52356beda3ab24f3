FROM python:3.11-slim

# By these, models are fetched from clusters of SkyPilot's, and commits of your code are looked up.
RUN apt-get update && apt-get install -y --no-install-recommends git openssh-client rsync && rm -rf /var/lib/apt/lists/*

RUN useradd --uid 1000 --create-home verlbot && install -d -o verlbot -g verlbot -m 0700 /data

# Exactly what was tested: every file is known by its hash, and none is built here but the bot itself.
WORKDIR /src
COPY requirements-uv.lock requirements-bot.lock ./
RUN pip install --no-cache-dir --require-hashes --requirement requirements-uv.lock \
    && uv pip install --system --no-cache --no-build --require-hashes --requirement requirements-bot.lock
COPY pyproject.toml README.md LICENSE ./
COPY bot ./bot
COPY recipes ./recipes
RUN uv pip install --system --no-cache --no-deps --no-build-isolation . && rm -rf /src

# By number, so that Kubernetes can see that it is not root.
USER 1000:1000
WORKDIR /home/verlbot
ENV VERLBOT_DATA_DIR=/data PYTHONUNBUFFERED=1
VOLUME /data
ENTRYPOINT ["verlbot"]
CMD ["run"]
