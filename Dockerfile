FROM python:3.11-slim

# By these, models are fetched from clusters of SkyPilot's.
RUN apt-get update && apt-get install -y --no-install-recommends openssh-client rsync && rm -rf /var/lib/apt/lists/*

RUN pip install --no-cache-dir uv && useradd --uid 1000 --create-home verlbot && install -d -o verlbot /data

WORKDIR /src
COPY pyproject.toml requirements.lock README.md LICENSE ./
COPY bot ./bot
COPY recipes ./recipes
RUN uv pip install --system --no-cache --constraint requirements.lock . && rm -rf /src

USER verlbot
WORKDIR /home/verlbot
ENV VERLBOT_DATA_DIR=/data PYTHONUNBUFFERED=1
VOLUME /data
ENTRYPOINT ["verlbot"]
CMD ["run"]
