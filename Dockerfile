# The web, the worker and the commands in one image; docker-compose.yml says which is which.
FROM python:3.11-slim AS build
WORKDIR /app
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
RUN pip install --no-cache-dir uv==0.13.9
# What others wrote changes less often than what we write, so it has its own layer.
COPY pyproject.toml uv.lock README.md LICENSE ./
RUN uv sync --locked --no-dev --no-install-project
COPY tenants tenants
COPY timebank timebank
COPY governance governance
COPY redistribution redistribution
COPY marketplace marketplace
RUN uv sync --locked --no-dev

FROM python:3.11-slim
RUN useradd --system --uid 10001 --no-create-home archipel
WORKDIR /app
COPY --from=build /app /app
ENV PATH="/app/.venv/bin:$PATH" PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER archipel
EXPOSE 8000
ENTRYPOINT ["archipel"]
CMD ["serve", "--host", "0.0.0.0"]
